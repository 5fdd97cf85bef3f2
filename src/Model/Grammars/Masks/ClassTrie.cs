using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Masks;

/// <summary>
/// Tokens as a tree of classes of characters, in the order of a walk through it. What an automaton does not tell apart is one here, so that a walk meets some
/// thousand nodes where the tree of bytes has hundreds of thousands.
/// </summary>
internal sealed class ClassTrie
{
    private readonly int[] _symbols, _ends, _depths;
    private readonly TokenSet?[] _whole;
    private readonly (SpellingState State, TokenSet Tokens)[]?[] _parts;
    private readonly int[]?[] _closes;
    private readonly Dictionary<string, (TokenTrie Behind, int[] Ending)> _exits = [];

    private ClassTrie(Draft draft, int words)
    {
        (Words, Count) = (words, draft.Count);
        (_symbols, _ends, _depths) = (new int[Count], new int[Count], new int[Count]);
        (_whole, _parts, _closes) = (new TokenSet?[Count], new (SpellingState, TokenSet)[]?[Count], new int[]?[Count]);
        int[] order = draft.Order(_symbols, _depths);
        Deepest = _depths.Max();
        (int Node, SpellingState State, int Token)[] tokens = [.. draft.Tokens];
        int[] nodes = Array.ConvertAll(tokens, one => order[one.Node]);
        Array.Sort(nodes, tokens);
        Dictionary<SpellingState, List<int>> groups = [];
        for (int first = 0, end; first < tokens.Length; first = end)
        {
            groups.Clear();
            for (end = first; end < tokens.Length && nodes[end] == nodes[first]; end++)
                (CollectionsMarshal.GetValueRefOrAddDefault(groups, tokens[end].State, out _) ??= []).Add(tokens[end].Token);
            if (groups.Remove(default, out List<int>? whole))
                _whole[nodes[first]] = TokenSet.Of(whole, words);
            if (groups.Count > 0)
                _parts[nodes[first]] = [.. groups.Select(one => (one.Key, TokenSet.Of(one.Value, words)))];
        }
        foreach (var node in draft.Closes.GroupBy(one => order[one.Node], static one => one.Close))
            _closes[node.Key] = [.. node];
        // A node's tree ends where the next one stands that is no deeper.
        Stack<int> open = new();
        for (int i = 0; i <= Count; i++)
        {
            while (open.TryPeek(out int top) && (i == Count || _depths[top] >= _depths[i]))
                _ends[open.Pop()] = i;
            open.Push(i);
        }
    }

    /// <summary>How many nodes there are; the first is the root.</summary>
    public int Count { get; }

    /// <summary>The most characters of a token.</summary>
    public int Deepest { get; }

    /// <summary>Words of a mask.</summary>
    public int Words { get; }

    /// <summary>The class that leads to each node.</summary>
    public ReadOnlySpan<int> Symbols => _symbols;

    /// <summary>The first node that is not below each node.</summary>
    public ReadOnlySpan<int> Ends => _ends;

    /// <summary>How many characters lead to each node.</summary>
    public ReadOnlySpan<int> Depths => _depths;

    /// <summary>Makes a tree.</summary>
    /// <param name="trie">The tokens.</param>
    /// <param name="classes">The classes.</param>
    /// <param name="spelling">How characters are written.</param>
    /// <param name="start">How far the text is read before a token.</param>
    /// <param name="words">Words of a mask.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ClassTrie Of(TokenTrie trie, CharClasses classes, TextSpelling spelling, SpellingState start, int words)
    {
        Draft draft = new();
        Dictionary<(int Kind, int Left), JsonCharacter> parts = [];
        (int Node, SpellingState State)[] path = new (int, SpellingState)[trie.Deepest + 1];
        path[0] = (0, start);
        Span<int> characters = stackalloc int[TextSpelling.MostCharacters];
        for (int node = 1; node < trie.Count;)
        {
            (int at, SpellingState state) = path[trie.Depths[node] - 1];
            SpellingStep step = spelling.Take(state, trie.Labels[node], characters, out int count, out SpellingState next);
            if (step != SpellingStep.More)
            {
                if (step == SpellingStep.End)
                    draft.Closes.Add((at, node));
                node = trie.Ends[node];
                continue;
            }
            for (int i = 0; i < count; i++)
                at = draft.Child(at, classes.Of(characters[i]));
            path[trie.Depths[node]] = (at, next);
            if (trie.TokensAt(node) is { Length: > 0 } tokens)
                draft.Add(at, Same(next), tokens);
            node++;
        }
        return new(draft, words);

        // What can only become characters of one class is all the same.
        SpellingState Same(SpellingState state)
        {
            if (!state.Character.IsWholeRange(out int first, out int last) || classes.OnlyOne(first, last) is not int kind)
                return state;
            (int, int) key = (kind, state.Character.BytesTo(first));
            if (!parts.TryGetValue(key, out JsonCharacter same))
                parts[key] = same = state.Character;
            return state with { Character = same };
        }
    }

    /// <summary>What stands below some nodes, as one tree.</summary>
    /// <param name="nodes">The nodes.</param>
    /// <param name="isWanted">The classes that can come first.</param>
    public ClassTrie? Below(List<int> nodes, Func<int, bool> isWanted)
    {
        Draft draft = new();
        int[] path = new int[Deepest + 1];
        foreach (int top in nodes)
        {
            AddParts(top, 0);
            for (int node = top + 1; node < _ends[top];)
            {
                int depth = _depths[node] - _depths[top];
                if (depth == 1 && !isWanted(_symbols[node]))
                {
                    node = _ends[node];
                    continue;
                }
                path[depth] = draft.Child(path[depth - 1], _symbols[node]);
                if (_whole[node] is TokenSet tokens)
                    draft.Add(path[depth], default, tokens);
                AddParts(node, path[depth]);
                node++;
            }
        }
        return draft.Tokens.Count == 0 ? null : new(draft, Words);

        void AddParts(int node, int to)
        {
            foreach ((SpellingState state, TokenSet tokens) in _parts[node] ?? [])
                draft.Add(to, state, tokens);
        }
    }

    /// <summary>The tokens that end at a node with a whole character.</summary>
    public TokenSet? Whole(int node) => _whole[node];

    /// <summary>The tokens that end behind a node, within a character or in what may be the text's end.</summary>
    public ReadOnlySpan<(SpellingState State, TokenSet Tokens)> Parts(int node) => _parts[node];

    /// <summary>Whether a token ends the text at a node.</summary>
    public bool Closes(int node) => _closes[node] is not null;

    /// <summary>What tokens have that end the text at some nodes: behind the end, and those that have nothing there.</summary>
    public (TokenTrie Behind, int[] Ending) ExitOf(List<int> nodes, TokenTrie trie)
    {
        string key = string.Join(',', nodes);
        lock (_exits)
        {
            if (_exits.TryGetValue(key, out (TokenTrie, int[]) known))
                return known;
        }
        ExitBuilder builder = new(trie);
        foreach (int close in nodes.SelectMany(node => _closes[node]!).Order())
            builder.Add(close);
        lock (_exits)
            return _exits[key] = builder.ToExit();
    }

    private sealed class Draft
    {
        private readonly Dictionary<long, int> _children = [];
        private readonly List<(int Parent, int Symbol)> _nodes = [(-1, -1)];
        private readonly List<int> _set = [];

        public int Count => _nodes.Count;

        public List<(int Node, SpellingState State, int Token)> Tokens { get; } = [];

        public List<(int Node, int Close)> Closes { get; } = [];

        public int Child(int node, int symbol)
        {
            long key = ((long)node << 32) | (uint)symbol;
            if (!_children.TryGetValue(key, out int child))
            {
                _children[key] = child = _nodes.Count;
                _nodes.Add((node, symbol));
            }
            return child;
        }

        public void Add(int node, SpellingState state, ReadOnlySpan<int> tokens)
        {
            foreach (int token in tokens)
                Tokens.Add((node, state, token));
        }

        public void Add(int node, SpellingState state, TokenSet tokens)
        {
            _set.Clear();
            tokens.AddTo(_set);
            Add(node, state, CollectionsMarshal.AsSpan(_set));
        }

        /// <summary>Numbers the nodes as a walk meets them.</summary>
        public int[] Order(int[] symbols, int[] depths)
        {
            int[] first = new int[Count], next = new int[Count], order = new int[Count];
            for (int node = Count - 1; node > 0; node--)
                (next[node], first[_nodes[node].Parent]) = (first[_nodes[node].Parent], node);
            Stack<(int Node, int Depth)> work = new([(0, 0)]);
            for (int i = 0; work.TryPop(out (int Node, int Depth) top); i++)
            {
                (order[top.Node], symbols[i], depths[i]) = (i, _nodes[top.Node].Symbol, top.Depth);
                if (next[top.Node] > 0)
                    work.Push((next[top.Node], top.Depth));
                if (first[top.Node] > 0)
                    work.Push((first[top.Node], top.Depth + 1));
            }
            return order;
        }
    }
}
