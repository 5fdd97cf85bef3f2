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
    // What the longest part of a character needs, and the quote.
    private const int PartTokens = 13;

    private readonly Stack<StateSlot[]> _paths = [];
    private ulong[] _bits = [];
    private int _most;

    public TokenTrie Trie => trie;

    /// <summary>Words of 64 bits of a mask.</summary>
    public int Words => _bits.Length;

    /// <summary>Whether a token was left out because the text would become too long.</summary>
    public bool WasCut { get; private set; }

    /// <summary>Writes a mask.</summary>
    /// <param name="state">The state.</param>
    /// <param name="bits">Receives a bit for each token; what it held is gone.</param>
    /// <param name="most">The most tokens that the text may need after the token.</param>
    public void Write(MatchState state, ulong[] bits, int most)
    {
        Array.Clear(bits);
        (_bits, _most, WasCut) = (bits, most, false);
        state.AddTo(this);
    }

    /// <summary>Adds the tokens that may follow a state, one byte after the other.</summary>
    public void Walk(MatchState state) => Walk(trie, 0, state);

    /// <summary>Adds the tokens that may follow within a string.</summary>
    public void AddText(TextState state)
    {
        if (state.Local is null)
        {
            Walk(state);
            return;
        }
        TextPosition position = state.Local.Position;
        int rest = _most == int.MaxValue ? 0 : position.Alive.Max(state.Frame.RestAfter);
        bool isShort = rest + position.MostShortest + PartTokens <= _most || _most == int.MaxValue;
        if (!isShort && !(position.IsFree && rest >= _most))
        {
            // So near the end each token is looked at.
            Walk(state);
            return;
        }
        LocalMask mask = MaskOf(state.Local);
        if (isShort)
            Or(mask.Stay);
        else
            WasCut = true;
        foreach (TextExit exit in mask.Exits)
        {
            if (state.Frame.AfterPlain(exit.Ends, null) is not MatchState after)
                continue;
            if (Allows(after))
                Set(exit.Ending);
            Walk(exit.Behind, 0, after);
        }
        if (state.HasNamed)
            Correct(0, state);
    }

    /// <summary>Adds the tokens that may follow at places of a rule.</summary>
    /// <returns>Whether that was possible: near a text's end each token must be looked at.</returns>
    public bool TryAdd(NetworkSet set, NetworkFrame frame, NetworkMachine machine)
    {
        // A character or two do not lead far from the end, but for a call of another rule.
        if (_most < int.MaxValue)
            return false;
        if (!trie.Sets.TryGetValue(set, out NetworkMask? mask))
        {
            mask = NetworkMask.Of(trie, machine.Alone(set), set.Rule.Follow, _bits.Length);
            trie.Sets.AddOrUpdate(set, mask);
        }
        Or(mask.Stay);
        if (mask.Behind is not null && machine.After(frame) is NetworkState after)
            Walk(mask.Behind, 0, after);
        return true;
    }

    /// <summary>Adds the tokens that may follow in free text.</summary>
    public void AddFree(TextMask mask)
    {
        Or(mask.Stay);
        foreach ((int node, MatchState state) in mask.Exits)
        {
            if (Allows(state))
                Set(trie.TokensAt(node));
            Walk(trie, node, state);
        }
    }

    /// <summary>Adds tokens that are known.</summary>
    public void Or(ReadOnlySpan<ulong> bits)
    {
        for (int i = 0; i < bits.Length; i++)
            _bits[i] |= bits[i];
    }

    /// <summary>Adds tokens.</summary>
    public void Set(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
            _bits[token >> 6] |= 1UL << (token & 63);
    }

    /// <summary>Whether a text that needs so many tokens more is short enough.</summary>
    public bool Allows(MatchState state)
    {
        if (_most == int.MaxValue || state.Rest <= _most)
            return true;
        WasCut = true;
        return false;
    }

    /// <summary>Whether so many tokens more are few enough.</summary>
    public bool Allows(int rest) => rest <= _most;

    private void Clear(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
            _bits[token >> 6] &= ~(1UL << (token & 63));
    }

    private LocalMask MaskOf(TextLocal local)
    {
        if (!trie.Locals.TryGetValue(local, out LocalMask? mask))
        {
            mask = local.Position.Lengths is var (least, most) && local.Character.IsBetween
                ? trie.Lengths(_bits.Length).Of(least, most) : LocalMask.Of(trie, local, _bits.Length);
            trie.Locals.AddOrUpdate(local, mask);
        }
        return mask;
    }

    // One long call is all that there may be: it must not begin as code that is yet to be made fast.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Walk(TokenTrie tree, int root, MatchState state)
    {
        if (!_paths.TryPop(out StateSlot[]? path))
            path = new StateSlot[trie.Deepest + 1];
        ReadOnlySpan<byte> labels = tree.Labels;
        ReadOnlySpan<int> ends = tree.Ends;
        ReadOnlySpan<ushort> depths = tree.Depths;
        int end = ends[root];
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
            if (tokens.Length > 0 && Allows(next))
                Set(tokens);
            node++;
        }
        _paths.Push(path);
    }

    // Where a text can still become a named string, tokens do other things than they would to a string without a name.
    private void Correct(int node, TextState state)
    {
        Span<bool> bytes = stackalloc bool[256];
        bytes.Clear();
        state.AddNamedBytes(bytes);
        for (int child = node + 1; child < trie.Ends[node]; child = trie.Ends[child])
        {
            byte label = trie.Labels[child];
            if (!bytes[label])
                continue;
            MatchState? next = state.Next(label);
            if (next is TextState { HasNamed: false } && label != '"')
                continue;
            if (next is TextState named && ReferenceEquals(named.Frame, state.Frame))
            {
                if (Allows(named))
                    Set(trie.TokensAt(child));
                else
                    Clear(trie.TokensAt(child));
                Correct(child, named);
                continue;
            }
            Clear(trie.TokensBelow(child));
            if (next is null)
                continue;
            if (Allows(next))
                Set(trie.TokensAt(child));
            Walk(trie, child, next);
        }
    }
}

/// <summary>A state on the way through a tree: an array of these is written without a check of its type.</summary>
internal struct StateSlot
{
    public MatchState State;
}
