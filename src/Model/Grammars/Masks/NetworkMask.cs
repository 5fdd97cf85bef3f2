using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Matching;
using MeKi.Model.Grammars.Networks;

namespace MeKi.Model.Grammars.Masks;

/// <summary>What tokens do at places of a rule, whatever called it: those that stay in it or end it, and of those that go on behind it what they have
/// there.</summary>
internal sealed class NetworkMask
{
    private NetworkMask(ulong[] stay, TokenTrie? behind) => (Stay, Behind) = (stay, behind);

    /// <summary>The tokens that stay or end the rule, a bit for each.</summary>
    public ulong[] Stay { get; }

    /// <summary>What tokens have behind the rule's end; null where none has anything.</summary>
    public TokenTrie? Behind { get; }

    /// <summary>The mask of a set of places.</summary>
    /// <param name="trie">The vocabulary.</param>
    /// <param name="start">The places, as if their rule were the whole grammar.</param>
    /// <param name="follow">The bytes that can come behind the rule.</param>
    /// <param name="words">Words of a mask.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static NetworkMask Of(TokenTrie trie, NetworkState start, bool[] follow, int words)
    {
        ulong[] stay = new ulong[words];
        List<ReadOnlyMemory<byte>> texts = [];
        List<int> tokens = [];
        StateSlot[] path = new StateSlot[trie.Deepest + 1];
        path[0].State = start;
        byte[] behind = new byte[trie.Deepest];
        bool hasFollow = follow.Contains(true);
        for (int node = 1; node < trie.Count;)
        {
            MatchState? next = path[trie.Depths[node] - 1].State.Next(trie.Labels[node]);
            if (next is null)
            {
                node = trie.Ends[node];
                continue;
            }
            path[trie.Depths[node]].State = next;
            foreach (int token in trie.TokensAt(node))
                stay[token >> 6] |= 1UL << (token & 63);
            if (hasFollow && next.IsComplete)
                Exit(node);
            node++;
        }
        return new(stay, texts.Count == 0 ? null : TokenTrie.Of(texts, tokens));

        void Exit(int end)
        {
            int depth = trie.Depths[end];
            for (int node = end + 1; node < trie.Ends[end]; node++)
            {
                if (trie.Depths[node] == depth + 1 && !follow[trie.Labels[node]])
                {
                    node = trie.Ends[node] - 1;
                    continue;
                }
                int length = trie.Depths[node] - depth;
                behind[length - 1] = trie.Labels[node];
                foreach (int token in trie.TokensAt(node))
                {
                    texts.Add(behind.AsSpan(0, length).ToArray());
                    tokens.Add(token);
                }
            }
        }
    }
}
