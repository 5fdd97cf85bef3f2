using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>The merges by the ids of their parts: open addressing over their ranks.</summary>
internal sealed class MergeTable
{
    private readonly (int Left, int Right, int Merged)[] _byRank;
    private readonly (uint Hash, int Rank)[] _slots; // a rank of -1 is free

    /// <exception cref="InvalidTokenizerException">A merge names a text that is no token.</exception>
    public MergeTable(TokenIndex ids, IReadOnlyList<(string Left, string Right)> merges)
    {
        _byRank = new (int, int, int)[merges.Count];
        _slots = new (uint, int)[SlotHash.SlotsFor(merges.Count)];
        _slots.AsSpan().Fill((0, -1));
        byte[] joined = new byte[64];
        int merged = -1;
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (int leftLength, int length) = MergeTexts.Join(merges, rank, ref joined);
            int left = ids.Find(joined.AsSpan(0, leftLength)), right = ids.Find(joined.AsSpan(leftLength..length));
            // A vocabulary has its tokens in the order in which they were merged, nearly.
            merged = ids.Find(joined.AsSpan(0, length), guess: merged + 1);
            if (left < 0 || right < 0 || merged < 0)
                throw Unknown(merges[rank], rank, left, right);
            _byRank[rank] = (left, right, merged);
            ref (uint Hash, int Rank) slot = ref SlotOf(left, right, out uint hash);
            // Of equal merges the first counts.
            if (slot.Rank < 0)
                slot = (hash, rank);
        }
    }

    /// <summary>Looks up the merge of two neighbours.</summary>
    /// <returns>Its rank, lowest first, and the token it gives; <see cref="int.MaxValue"/> when they do not merge.</returns>
    public (int Rank, int Merged) Find(int left, int right) => SlotOf(left, right, out _).Rank is >= 0 and int rank ? (rank, _byRank[rank].Merged) : (int.MaxValue, -1);

    // The pair's slot, or the free one where it belongs. The hash keeps a look-up away from other pairs.
    private ref (uint Hash, int Rank) SlotOf(int left, int right, out uint hash)
    {
        ulong wide = SlotHash.Of(left, right);
        hash = (uint)wide;
        int last = _slots.Length - 1;
        for (int at = (int)(wide >> 32) & last; ; at = (at + 1) & last)
        {
            ref (uint Hash, int Rank) slot = ref _slots[at];
            if (slot.Rank < 0 || (slot.Hash == hash && _byRank[slot.Rank].Left == left && _byRank[slot.Rank].Right == right))
                return ref slot;
        }
    }

    private static InvalidTokenizerException Unknown((string Left, string Right) merge, int rank, int left, int right)
    {
        string unknown = left < 0 ? merge.Left : right < 0 ? merge.Right : merge.Left + merge.Right;
        return new($"merge {rank} ({UntrustedText.Quote(merge.Left)} and {UntrustedText.Quote(merge.Right)})", $"the token {UntrustedText.Quote(unknown)} is not in the vocabulary");
    }
}
