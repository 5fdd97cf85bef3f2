using System.Runtime.CompilerServices;
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
        (Words, Count) = (words, draft.Nodes.Count);
        (_symbols, _ends, _depths) = (new int[Count], new int[Count], new int[Count]);
        (_whole, _parts, _closes) = (new TokenSet?[Count], new (SpellingState, TokenSet)[]?[Count], new int[]?[Count]);
        int last = 0;
        Stack<(int From, int Symbol, int Depth)> work = new([(0, -1, 0)]);
        while (work.TryPop(out (int From, int Symbol, int Depth) next))
        {
            Node node = draft.Nodes[next.From];
            Deepest = Math.Max(Deepest, next.Depth);
            (_symbols[last], _depths[last]) = (next.Symbol, next.Depth);
            if (node.Tokens.TryGetValue(default, out List<int>? whole))
                _whole[last] = TokenSet.Of(whole, words);
            if (node.Tokens.Count > (whole is null ? 0 : 1))
                _parts[last] = [.. node.Tokens.Where(static one => one.Key != default).Select(one => (one.Key, TokenSet.Of(one.Value, words)))];
            _closes[last++] = node.Closes?.ToArray();
            for (int i = node.Children.Count - 1; i >= 0; i--)
                work.Push((node.Children[i].Child, node.Children[i].Symbol, next.Depth + 1));
        }
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
                    (draft.Nodes[at].Closes ??= []).Add(node);
                node = trie.Ends[node];
                continue;
            }
            for (int i = 0; i < count; i++)
                at = draft.Child(at, classes.Of(characters[i]));
            path[trie.Depths[node]] = (at, next);
            if (trie.TokensAt(node) is { Length: > 0 } tokens)
                draft.Nodes[at].Add(Same(next), tokens);
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
                    draft.Nodes[path[depth]].Add(default, tokens);
                AddParts(node, path[depth]);
                node++;
            }
        }
        return draft.Nodes.Count == 1 && draft.Nodes[0].Tokens.Count == 0 ? null : new(draft, Words);

        void AddParts(int node, int to)
        {
            foreach ((SpellingState state, TokenSet tokens) in _parts[node] ?? [])
                draft.Nodes[to].Add(state, tokens);
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

        public List<Node> Nodes { get; } = [new()];

        public int Child(int node, int symbol)
        {
            long key = ((long)node << 32) | (uint)symbol;
            if (!_children.TryGetValue(key, out int child))
            {
                _children[key] = child = Nodes.Count;
                Nodes.Add(new());
                Nodes[node].Children.Add((symbol, child));
            }
            return child;
        }
    }

    private sealed class Node
    {
        public List<(int Symbol, int Child)> Children { get; } = [];

        public Dictionary<SpellingState, List<int>> Tokens { get; } = [];

        public List<int>? Closes { get; set; }

        public void Add(SpellingState state, ReadOnlySpan<int> tokens)
        {
            if (!Tokens.TryGetValue(state, out List<int>? list))
                Tokens[state] = list = [];
            list.AddRange(tokens);
        }

        public void Add(SpellingState state, TokenSet tokens)
        {
            if (!Tokens.TryGetValue(state, out List<int>? list))
                Tokens[state] = list = [];
            tokens.AddTo(list);
        }
    }
}
