using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Calls;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Networks;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Masks;

/// <summary>Writes the tokens that may follow a state as bits.</summary>
/// <param name="trie">The vocabulary.</param>
internal sealed class MaskWriter(TokenTrie trie)
{
    // Below so many nodes a text is walked through.
    private const int FewNodes = 12;

    private readonly Stack<StateSlot[]> _paths = [];
    private readonly Stack<NetworkState[]> _networkPaths = [];
    private readonly Stack<ulong[]> _spare = [];
    private ulong[] _bits = [];
    private ulong[]? _except;
    private int _most;
    private bool _isSoonest;

    public TokenTrie Trie => trie;

    /// <summary>Words of 64 bits of a mask.</summary>
    public int Words => _bits.Length;

    /// <summary>Whether no text is too long.</summary>
    public bool AllowsAll => _most == int.MaxValue && !_isSoonest;

    /// <summary>Whether a token was left out because the text would become too long.</summary>
    public bool WasCut { get; private set; }

    /// <summary>Writes a mask.</summary>
    /// <param name="state">The state.</param>
    /// <param name="bits">Receives a bit for each token; what it held is gone.</param>
    /// <param name="most">The most tokens that the text may need after the token.</param>
    public void Write(MatchState state, ulong[] bits, int most)
    {
        Array.Clear(bits);
        (_bits, _most, WasCut, _isSoonest, _except) = (bits, most, false, false, null);
        state.AddTo(this);
    }

    /// <summary>Writes the tokens after which the text can be completed with the fewest.</summary>
    public void WriteSoonest(MatchState state, ulong[] bits)
    {
        Array.Clear(bits);
        (_bits, _most, WasCut, _isSoonest, _except) = (bits, int.MaxValue, true, true, null);
        state.AddTo(this);
    }

    /// <summary>Adds the tokens that may follow a state, one byte after the other.</summary>
    public void Walk(MatchState state)
    {
        if (state.AsText is ITextPlace place)
            Add(trie, 0, state, place);
        else
            Walk(trie, 0, state);
    }

    /// <summary>Adds the tokens that may follow at places of a rule.</summary>
    public void Add(NetworkSet set, NetworkFrame frame, NetworkMachine machine)
    {
        NetworkMask mask = trie.Masks.Of(set, machine, _bits.Length);
        mask.AddTo(this, frame.Rest);
        if (mask.Behind is not null && machine.After(frame) is NetworkState after)
            Walk(mask.Behind, after);
    }

    /// <summary>Adds the tokens that may follow in a reply around its values.</summary>
    public void Add(ScriptMask mask)
    {
        foreach ((ScriptState end, TokenSet tokens) in mask.Groups)
        {
            if (Allows(end))
                Set(tokens);
        }
        foreach ((int node, MatchState state) in mask.Exits)
            Visit(trie, node, state);
    }

    /// <summary>Adds tokens that are known.</summary>
    public void Or(ulong[] bits)
    {
        for (int i = 0; i < bits.Length; i++)
            _bits[i] |= _except is null ? bits[i] : bits[i] & ~_except[i];
    }

    /// <summary>Adds tokens.</summary>
    public void Set(TokenSet tokens) => tokens.AddTo(_bits, _except);

    /// <summary>Whether a text that needs so many tokens more is short enough.</summary>
    public bool Allows(MatchState state) => AllowsAll || Allows(state.Rest);

    /// <summary>Whether so many tokens more are few enough. Where the soonest are looked for, what was found before is dropped if it is later.</summary>
    public bool Allows(int rest)
    {
        if (rest <= _most)
        {
            if (_isSoonest && rest < _most)
            {
                Array.Clear(_bits);
                _most = rest;
            }
            return true;
        }
        WasCut = true;
        return false;
    }

    // Adds tokens that lead to a state, but for those that are looked at elsewhere.
    private void Add(ReadOnlySpan<int> tokens, MatchState state)
    {
        bool isAllowed = _except is null && Allows(state);
        if (_except is null && !isAllowed)
            return;
        foreach (int token in tokens)
        {
            if (_except is not null && (_except[token >> 6] >> token & 1) == 1)
                continue;
            if (!isAllowed && !(isAllowed = Allows(state)))
                return;
            _bits[token >> 6] |= 1UL << token;
        }
    }

    // The tokens of a node that a state is reached at, and of those below it.
    private void Visit(TokenTrie tree, int node, MatchState state)
    {
        if (tree.TokensAt(node) is { Length: > 0 } tokens)
            Add(tokens, state);
        if (!IsText(tree, node, state))
            Walk(tree, node, state);
    }

    private bool IsText(TokenTrie tree, int node, MatchState state)
    {
        if (tree.Ends[node] - node <= FewNodes || state.AsText is not ITextPlace place)
            return false;
        Add(tree, node, state, place);
        return true;
    }

    // Adds the tokens below a node that stands within a text.
    private void Add(TokenTrie tree, int node, MatchState state, ITextPlace place)
    {
        TextState text = place.State;
        LocalMask mask = tree.Masks.Of(node, text.Local!.Position, place.Spelling, place.Spelt, _bits.Length);
        // Where a text can still become a named string, tokens do other things than they would to a string without a name.
        List<(int Node, MatchState State, bool IsAlone)>? named = null;
        ulong[]? outer = _except;
        if (text.HasNamed)
        {
            if (!_spare.TryPop(out ulong[]? except))
                except = new ulong[_bits.Length];
            Array.Clear(except);
            outer?.CopyTo(except, 0);
            Mark(tree, node, state, place, except, named = []);
            _except = except;
        }
        AddPlain(mask, place);
        if (named is null)
            return;
        _spare.Push(_except!);
        _except = outer;
        foreach ((int at, MatchState next, bool isAlone) in named)
        {
            if (isAlone)
                Add(tree.TokensAt(at), next);
            else
                Visit(tree, at, next);
        }
    }

    private void AddPlain(LocalMask mask, ITextPlace place)
    {
        bool isShort = AllowsAll || (!_isSoonest && place.MostRest <= _most);
        if (isShort && mask.Stay is not null)
            Or(mask.Stay);
        foreach (TextGroup group in mask.Groups)
        {
            bool isChecked = group.State.IsHeld || !isShort;
            if (!isChecked && mask.Stay is not null)
                continue;
            if (isChecked && _except is not null && !Array.Exists(group.Tokens, tokens => tokens.HasOther(_except)))
                continue;
            // What may be the text's end must be able to be it, or to be text.
            if (isChecked && (place.Within(group.Position, group.State) is not MatchState end || !Allows(end)))
                continue;
            foreach (TokenSet tokens in group.Tokens)
                Set(tokens);
        }
        foreach (TextExit exit in mask.Exits)
        {
            if (place.Behind(exit.Ends) is not MatchState after)
                continue;
            if (exit.Ending.Length > 0)
                Add(exit.Ending, after);
            if (!IsText(exit.Behind, 0, after))
                Walk(exit.Behind, 0, after);
        }
    }

    // Finds the tokens that must be looked at one by one: those that lead toward a named string, and out of one.
    private static void Mark(
        TokenTrie tree, int node, MatchState state, ITextPlace place, ulong[] marks, List<(int Node, MatchState State, bool IsAlone)> named)
    {
        Span<bool> bytes = stackalloc bool[256];
        bytes.Clear();
        if (place.Spelt.IsHeld || place.Spelt.IsStart)
            bytes.Fill(true);
        else
            place.State.AddNamedBytes(bytes);
        place.Spelling.AddEndBytes(bytes);
        for (int child = node + 1; child < tree.Ends[node]; child = tree.Ends[child])
        {
            if (!bytes[tree.Labels[child]])
                continue;
            MatchState? next = state.Next(tree.Labels[child]);
            bool isSame = next?.AsText is { } further && ReferenceEquals(further.State.Frame, place.State.Frame);
            if (isSame && !next!.AsText!.State.HasNamed)
                continue;
            foreach (int token in isSame ? tree.TokensAt(child) : tree.TokensBelow(child))
                marks[token >> 6] |= 1UL << token;
            if (next is not null)
                named.Add((child, next, isSame));
            if (isSame)
                Mark(tree, child, next!, next!.AsText!, marks, named);
        }
    }

    // One long call is all that there may be: it must not begin as code that is yet to be made fast.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Walk(TokenTrie tree, int root, MatchState state)
    {
        int end = tree.Ends[root];
        if (end == root + 1)
            return;
        if (!_paths.TryPop(out StateSlot[]? path))
            path = new StateSlot[trie.Deepest + 1];
        ReadOnlySpan<byte> labels = tree.Labels;
        ReadOnlySpan<int> ends = tree.Ends;
        ReadOnlySpan<ushort> depths = tree.Depths;
        path[depths[root]].State = state;
        for (int node = root + 1; node < end;)
        {
            MatchState? next = path[depths[node] - 1].State.Next(labels[node]);
            if (next is null)
            {
                node = ends[node];
                continue;
            }
            path[depths[node]].State = next;
            ReadOnlySpan<int> tokens = tree.TokensAt(node);
            if (tokens.Length > 0)
                Add(tokens, next);
            node = IsText(tree, node, next) ? ends[node] : node + 1;
        }
        _paths.Push(path);
    }

    private void Walk(ClassTrie tree, NetworkState state)
    {
        if (!_networkPaths.TryPop(out NetworkState[]? path))
            path = new NetworkState[trie.Deepest + 1];
        for (int node = 0; node < tree.Count;)
        {
            NetworkState? next = node == 0 ? state : path[tree.Depths[node] - 1].After(tree.Symbols[node]);
            if (next is null)
            {
                node = tree.Ends[node];
                continue;
            }
            path[tree.Depths[node]] = next;
            if (tree.Whole(node) is TokenSet whole && Allows(next))
                Set(whole);
            foreach ((SpellingState part, TokenSet tokens) in tree.Parts(node))
            {
                if (next.RestWithin(part.Character) is < NetworkNode.Never and int rest && Allows(rest))
                    Set(tokens);
            }
            node++;
        }
        _networkPaths.Push(path);
    }
}

/// <summary>A state on the way through a tree: an array of these is written without a check of its type.</summary>
internal struct StateSlot
{
    public MatchState State;
}
