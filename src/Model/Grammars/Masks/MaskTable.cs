using System.Runtime.CompilerServices;
using MeKi.Model.Grammars.Networks;
using MeKi.Model.Grammars.Regexes;
using MeKi.Model.Grammars.Texts;

namespace MeKi.Model.Grammars.Masks;

/// <summary>What was found of the tokens of a tree, for whatever grammar: it depends on nothing around.</summary>
internal sealed class MaskTable(TokenTrie trie)
{
    // A mask may have as many words as a vocabulary has tokens, by 64.
    private const int MostMasks = 4096;

    // Where a walk meets more nodes, classes of characters are worth making.
    private const int ManyNodes = 20_000;

    private readonly ConditionalWeakTable<CharClasses, Dictionary<(TextSpelling, SpellingState), ClassTrie>> _classes = [];
    private readonly ConditionalWeakTable<TextPosition, Dictionary<(int, TextSpelling, SpellingState), LocalMask>> _texts = [];
    private readonly ConditionalWeakTable<NetworkSet, NetworkMask> _sets = [];
    private int _count;

    /// <summary>The mask of a place within a text.</summary>
    /// <param name="root">The node that the text stands at.</param>
    /// <param name="position">The place.</param>
    /// <param name="spelling">How the text is written.</param>
    /// <param name="state">How far its spelling is read.</param>
    /// <param name="words">Words of a mask.</param>
    public LocalMask Of(int root, TextPosition position, TextSpelling spelling, SpellingState state, int words)
    {
        Dictionary<(int, TextSpelling, SpellingState), LocalMask> masks = _texts.GetOrCreateValue(position);
        lock (masks)
        {
            if (masks.TryGetValue((root, spelling, state), out LocalMask? known))
                return known;
        }
        bool isAll = root == 0 && state.Character.IsBetween && trie.Count > ManyNodes;
        LocalMask mask = LocalMask.Of(trie, root, position, spelling, state, words, isAll ? ManyNodes : int.MaxValue)
            ?? LocalMask.Of(Of(position.Classes, spelling, state, words), position, spelling, trie);
        lock (masks)
            masks[(root, spelling, state)] = mask;
        // What is dropped is found anew.
        if (Interlocked.Increment(ref _count) % MostMasks == 0)
            _texts.Clear();
        return mask;
    }

    /// <summary>The mask of places of a rule.</summary>
    public NetworkMask Of(NetworkSet set, NetworkMachine machine, int words)
    {
        if (!_sets.TryGetValue(set, out NetworkMask? mask))
        {
            bool[] follow = set.Rule.Follow;
            mask = NetworkMask.Of(Of(machine.Classes, TextSpelling.Plain, default, words), machine.Alone(set),
                Array.Exists(follow, static one => one) ? kind => machine.Classes.Samples[kind] is >= 0 and int sample && follow[FirstByte(sample)] : null);
            _sets.AddOrUpdate(set, mask);
        }
        return mask;
    }

    private ClassTrie Of(CharClasses classes, TextSpelling spelling, SpellingState state, int words)
    {
        Dictionary<(TextSpelling, SpellingState), ClassTrie> tries = _classes.GetOrCreateValue(classes);
        lock (tries)
        {
            if (!tries.TryGetValue((spelling, state), out ClassTrie? found))
                tries[(spelling, state)] = found = ClassTrie.Of(trie, classes, spelling, state, words);
            return found;
        }
    }

    private static byte FirstByte(int scalar)
    {
        Span<byte> utf8 = stackalloc byte[4];
        new System.Text.Rune(scalar).EncodeToUtf8(utf8);
        return utf8[0];
    }
}
