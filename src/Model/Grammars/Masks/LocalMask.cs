using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Masks;

/// <summary>Tokens that end a text.</summary>
/// <param name="Ends">The languages that the text is of, a bit for each.</param>
/// <param name="Behind">What tokens have behind the end.</param>
/// <param name="Ending">The tokens that have nothing there.</param>
internal sealed record TextExit(ulong Ends, TokenTrie Behind, int[] Ending);

/// <summary>Tokens that lead from one place within a text to another.</summary>
/// <param name="Position">The place that they lead to.</param>
/// <param name="State">How far its spelling is read.</param>
/// <param name="Tokens">The tokens.</param>
internal sealed record TextGroup(TextPosition Position, SpellingState State, TokenSet[] Tokens);

/// <summary>
/// What tokens do at a place within a text, whatever stands around: those that stay in it, by where they lead, and of those that end it what they have behind
/// its end.
/// </summary>
/// <param name="Groups">The tokens that stay.</param>
/// <param name="Exits">Those that end it.</param>
internal sealed record LocalMask(TextGroup[] Groups, TextExit[] Exits)
{
    // So many sets are better kept as one.
    private const int ManySets = 64;

    /// <summary>All tokens that stay and are text for certain; null where the groups are few.</summary>
    public ulong[]? Stay { get; private init; }

    /// <summary>The mask of a place, by walking the bytes of tokens.</summary>
    /// <param name="trie">The tokens.</param>
    /// <param name="root">The node that the text stands at.</param>
    /// <param name="position">The place.</param>
    /// <param name="spelling">How the text is written.</param>
    /// <param name="state">How far its spelling is read.</param>
    /// <param name="words">Words of a mask.</param>
    /// <param name="most">The most nodes to look at.</param>
    /// <returns>The mask; null where that takes more nodes.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static LocalMask? Of(TokenTrie trie, int root, TextPosition position, TextSpelling spelling, SpellingState state, int words, int most)
    {
        Dictionary<(TextPosition, SpellingState), List<int>> groups = [];
        Dictionary<ulong, ExitBuilder> exits = [];
        (TextPosition Position, SpellingState State)[] path = new (TextPosition, SpellingState)[trie.Deepest + 1];
        path[trie.Depths[root]] = (position, state);
        Span<int> characters = stackalloc int[TextSpelling.MostCharacters];
        int end = trie.Ends[root];
        for (int node = root + 1; node < end && most > 0; most--)
        {
            (TextPosition from, SpellingState before) = path[trie.Depths[node] - 1];
            SpellingStep step = spelling.Take(before, trie.Labels[node], characters, out int count, out SpellingState next);
            TextPosition? to = from;
            for (int i = 0; i < count; i++)
                to = to?.Next(characters[i]);
            if (step != SpellingStep.More || to is null || !IsPossible(to, next, spelling))
            {
                if (step == SpellingStep.End && from.Ends != 0)
                {
                    if (!exits.TryGetValue(from.Ends, out ExitBuilder? exit))
                        exits[from.Ends] = exit = new(trie);
                    exit.Add(node);
                }
                node = trie.Ends[node];
                continue;
            }
            path[trie.Depths[node]] = (to, next);
            ReadOnlySpan<int> tokens = trie.TokensAt(node);
            if (tokens.Length > 0)
            {
                if (!groups.TryGetValue((to, next), out List<int>? group))
                    groups[(to, next)] = group = [];
                group.AddRange(tokens);
            }
            node++;
        }
        return most <= 0 ? null : Of(groups.Select(one => new TextGroup(one.Key.Item1, one.Key.Item2, [TokenSet.Of(one.Value, words)])),
            exits.Select(static one => one.Value.ToExit() is var (behind, ending) ? new TextExit(one.Key, behind, ending) : null!), words);
    }

    /// <summary>The mask of a place, by walking the classes of tokens' characters.</summary>
    /// <param name="classes">The tokens, from how far the spelling is read on.</param>
    /// <param name="position">The place.</param>
    /// <param name="spelling">How the text is written.</param>
    /// <param name="trie">The tokens.</param>
    public static LocalMask Of(ClassTrie classes, TextPosition position, TextSpelling spelling, TokenTrie trie)
    {
        Dictionary<(TextPosition, SpellingState), List<TokenSet>> groups = [];
        Dictionary<ulong, List<int>> exits = [];
        TextPosition[] path = new TextPosition[classes.Deepest + 1];
        for (int node = 0; node < classes.Count;)
        {
            TextPosition? to = node == 0 ? position : path[classes.Depths[node] - 1].NextOfClass(classes.Symbols[node]);
            if (to is null)
            {
                node = classes.Ends[node];
                continue;
            }
            path[classes.Depths[node]] = to;
            if (classes.Whole(node) is TokenSet whole)
                Add(to, default, whole);
            foreach ((SpellingState state, TokenSet tokens) in classes.Parts(node))
            {
                if (IsPossible(to, state, spelling))
                    Add(to, state, tokens);
            }
            if (to.Ends != 0 && classes.Closes(node))
            {
                if (!exits.TryGetValue(to.Ends, out List<int>? nodes))
                    exits[to.Ends] = nodes = [];
                nodes.Add(node);
            }
            node++;
        }
        return Of(groups.Select(static one => new TextGroup(one.Key.Item1, one.Key.Item2, [.. one.Value])),
            exits.Select(one => classes.ExitOf(one.Value, trie) is var (behind, ending) ? new TextExit(one.Key, behind, ending) : null!), classes.Words);

        void Add(TextPosition to, SpellingState state, TokenSet tokens)
        {
            if (!groups.TryGetValue((to, state), out List<TokenSet>? group))
                groups[(to, state)] = group = [];
            group.Add(tokens);
        }
    }

    private static LocalMask Of(IEnumerable<TextGroup> groups, IEnumerable<TextExit> exits, int words)
    {
        LocalMask mask = new([.. groups], [.. exits]);
        if (mask.Groups.Sum(static group => group.Tokens.Length) <= ManySets)
            return mask;
        ulong[] stay = new ulong[words];
        foreach (TextGroup group in mask.Groups.Where(static group => !group.State.IsHeld))
        {
            foreach (TokenSet tokens in group.Tokens)
                tokens.AddTo(stay);
        }
        return mask with { Stay = stay };
    }

    private static bool IsPossible(TextPosition position, SpellingState state, TextSpelling spelling)
    {
        if (!state.IsHeld)
            return state.Character.IsBetween || position.CanBecome(state.Character);
        if (position.Ends != 0)
            return true;
        Span<int> characters = stackalloc int[TextSpelling.MostCharacters];
        JsonCharacter begun = spelling.HeldCharacters(state, characters, out int count);
        TextPosition? text = position;
        for (int i = 0; i < count; i++)
            text = text?.Next(characters[i]);
        return text is not null && (begun.IsBetween || text.CanBecome(begun));
    }
}

/// <summary>Collects the tokens that end a text.</summary>
internal sealed class ExitBuilder(TokenTrie trie)
{
    private readonly List<ReadOnlyMemory<byte>> _texts = [];
    private readonly List<int> _tokens = [], _ending = [];

    /// <summary>Adds the tokens of the node that ends the text and of all below it.</summary>
    public void Add(int close)
    {
        _ending.AddRange(trie.TokensAt(close));
        int depth = trie.Depths[close];
        byte[] behind = new byte[trie.Deepest];
        for (int node = close + 1; node < trie.Ends[close]; node++)
        {
            int length = trie.Depths[node] - depth;
            behind[length - 1] = trie.Labels[node];
            foreach (int token in trie.TokensAt(node))
            {
                _texts.Add(behind.AsSpan(0, length).ToArray());
                _tokens.Add(token);
            }
        }
    }

    public (TokenTrie Behind, int[] Ending) ToExit() => (TokenTrie.Of(_texts, _tokens), [.. _ending]);
}
