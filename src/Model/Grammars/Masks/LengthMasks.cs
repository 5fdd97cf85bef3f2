using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Masks;

/// <summary>
/// What tokens do within a string of which only the length is bounded: they are told by how many characters they have, once for a vocabulary, so that no
/// length needs a walk of its own.
/// </summary>
internal sealed class LengthMasks
{
    private readonly ulong[][] _stay;
    private readonly TextExit?[] _exits;

    private LengthMasks(ulong[][] stay, TextExit?[] exits) => (_stay, _exits) = (stay, exits);

    /// <summary>The masks of a vocabulary.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static LengthMasks Of(TokenTrie trie, int words)
    {
        List<ulong[]> stay = [new ulong[words]];
        List<ExitBuilder?> exits = [null];
        (TextLocal Local, int Characters)[] path = new (TextLocal, int)[trie.Deepest + 1];
        path[0] = (TextMachine.Free.Start!.Within(default), 0);
        for (int node = 1; node < trie.Count;)
        {
            (TextLocal from, int characters) = path[trie.Depths[node] - 1];
            TextLocal? next = from.Next(trie.Labels[node], out bool ends);
            if (next is not null)
            {
                // A character counts when it begins.
                characters += from.Character.IsBetween ? 1 : 0;
                path[trie.Depths[node]] = (next, characters);
                Grow(characters);
                foreach (int token in trie.TokensAt(node))
                    stay[characters][token >> 6] |= 1UL << (token & 63);
                node++;
                continue;
            }
            if (ends)
            {
                Grow(characters);
                (exits[characters] ??= new(trie)).Add(node);
            }
            node = trie.Ends[node];
        }
        for (int i = 1; i < stay.Count; i++)
        {
            for (int j = 0; j < words; j++)
                stay[i][j] |= stay[i - 1][j];
        }
        return new([.. stay], [.. exits.Select(static exit => exit?.ToExit(1))]);

        void Grow(int characters)
        {
            while (stay.Count <= characters)
            {
                stay.Add(new ulong[words]);
                exits.Add(null);
            }
        }
    }

    /// <summary>The mask where a string must have so many characters more at least, and may have so many.</summary>
    public LocalMask Of(int least, int most)
    {
        List<TextExit> exits = [];
        for (int i = least; i <= most && i < _exits.Length; i++)
        {
            if (_exits[i] is TextExit exit)
                exits.Add(exit);
        }
        return new(_stay[Math.Min(most, _stay.Length - 1)], exits);
    }
}
