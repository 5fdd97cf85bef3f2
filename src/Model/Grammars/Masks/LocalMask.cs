using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Masks;

/// <summary>Tokens that end a string.</summary>
/// <param name="Ends">The languages that the string is of, a bit for each.</param>
/// <param name="Behind">What tokens have behind the quote.</param>
/// <param name="Ending">The tokens that have nothing there.</param>
internal sealed record TextExit(ulong Ends, TokenTrie Behind, int[] Ending);

/// <summary>
/// What tokens do at a place within a string, whatever stands around: those that stay in it, and of those that end it what they have behind its quote.
/// </summary>
/// <param name="Stay">The tokens that stay, a bit for each.</param>
/// <param name="Exits">Those that end it.</param>
internal sealed record LocalMask(ulong[] Stay, IReadOnlyList<TextExit> Exits)
{
    /// <summary>The mask of a place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static LocalMask Of(TokenTrie trie, TextLocal local, int words)
    {
        ulong[] stay = new ulong[words];
        Dictionary<ulong, ExitBuilder> exits = [];
        TextLocal[] path = new TextLocal[trie.Deepest + 1];
        path[0] = local;
        for (int node = 1; node < trie.Count;)
        {
            TextLocal from = path[trie.Depths[node] - 1];
            TextLocal? next = from.Next(trie.Labels[node], out bool ends);
            if (next is not null)
            {
                path[trie.Depths[node]] = next;
                foreach (int token in trie.TokensAt(node))
                    stay[token >> 6] |= 1UL << (token & 63);
                node++;
                continue;
            }
            if (ends)
            {
                if (!exits.TryGetValue(from.Position.Ends, out ExitBuilder? exit))
                    exits[from.Position.Ends] = exit = new(trie);
                exit.Add(node);
            }
            node = trie.Ends[node];
        }
        return new(stay, [.. exits.Select(static exit => exit.Value.ToExit(exit.Key))]);
    }
}

/// <summary>Collects the tokens that end a string.</summary>
internal sealed class ExitBuilder(TokenTrie trie)
{
    private readonly List<ReadOnlyMemory<byte>> _texts = [];
    private readonly List<int> _tokens = [], _ending = [];

    /// <summary>Adds the tokens of the node of a quote and of all below it.</summary>
    public void Add(int quote)
    {
        _ending.AddRange(trie.TokensAt(quote));
        int depth = trie.Depths[quote];
        byte[] behind = new byte[trie.Deepest];
        for (int node = quote + 1; node < trie.Ends[quote]; node++)
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

    public TextExit ToExit(ulong ends) => new(ends, TokenTrie.Of(_texts, _tokens), [.. _ending]);
}
