using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Masks;

/// <summary>
/// What tokens do at a place within a string, whatever stands around: those that stay in it, and of those that end it what they have behind its quote.
/// </summary>
internal sealed class LocalMask
{
    private LocalMask(ulong[] stay, IReadOnlyList<(TextPosition End, TokenTrie Behind, int[] Ending)> exits) => (Stay, Exits) = (stay, exits);

    /// <summary>The tokens that stay, a bit for each.</summary>
    public ulong[] Stay { get; }

    /// <summary>By where the string ends: what tokens have behind the quote, and the tokens that have nothing there.</summary>
    public IReadOnlyList<(TextPosition End, TokenTrie Behind, int[] Ending)> Exits { get; }

    /// <summary>The mask of a place.</summary>
    public static LocalMask Of(TokenTrie trie, TextLocal local, int words)
    {
        ulong[] stay = new ulong[words];
        Dictionary<TextPosition, (List<ReadOnlyMemory<byte>> Texts, List<int> Tokens, List<int> Ending)> exits = [];
        TextLocal[] path = new TextLocal[trie.Deepest + 1];
        path[0] = local;
        byte[] behind = new byte[trie.Deepest];
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
                Exit(node, from.Position);
            node = trie.Ends[node];
        }
        return new(stay, [.. exits.Select(static exit => (exit.Key, TokenTrie.Of(exit.Value.Texts, exit.Value.Tokens), exit.Value.Ending.ToArray()))]);

        void Exit(int quote, TextPosition end)
        {
            if (!exits.TryGetValue(end, out var exit))
                exits[end] = exit = ([], [], []);
            exit.Ending.AddRange(trie.TokensAt(quote));
            int depth = trie.Depths[quote];
            for (int node = quote + 1; node < trie.Ends[quote]; node++)
            {
                int length = trie.Depths[node] - depth;
                behind[length - 1] = trie.Labels[node];
                foreach (int token in trie.TokensAt(node))
                {
                    exit.Texts.Add(behind.AsSpan(0, length).ToArray());
                    exit.Tokens.Add(token);
                }
            }
        }
    }
}
