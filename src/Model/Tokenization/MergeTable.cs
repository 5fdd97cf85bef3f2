using System.Collections;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>
/// The merges in order of rank, kept as the ids of their parts, and found by them. 151,387 merges of Qwen3 take 3 MB, and 3 MB more as texts.
/// </summary>
internal sealed class MergeTable : MergeRules, IReadOnlyList<(string Left, string Right)>
{
    private readonly Utf8Strings _texts;
    private readonly (int Left, int Right, int Merged)[] _byRank;
    private readonly SlotTable _slots;

    /// <exception cref="InvalidTokenizerException">A merge names a text that is no token.</exception>
    public MergeTable(TokenIndex ids, IReadOnlyList<(string Left, string Right)> merges)
    {
        _texts = ids.Texts;
        // A token has as many merges as there are places in it; whatever a file has more are repetitions.
        int most = Math.Min(merges.Count, ids.Texts.TotalBytes), count = 0;
        _byRank = new (int, int, int)[most];
        _slots = new(most);
        byte[] joined = new byte[64];
        int merged = -1;
        for (int i = 0; i < merges.Count; i++)
        {
            (int leftLength, int length) = MergeTexts.Join(merges, i, ref joined);
            int left = ids.Find(joined.AsSpan(0, leftLength)), right = ids.Find(joined.AsSpan(leftLength..length));
            // A vocabulary has its tokens in the order in which they were merged, nearly.
            merged = ids.Find(joined.AsSpan(0, length), guess: merged + 1);
            if (left < 0 || right < 0 || merged < 0)
                throw Unknown(merges[i], i, left, right);
            // Of equal merges the first counts.
            if (RankOf(left, right, out int at, out ulong hash) >= 0)
                continue;
            _byRank[count] = (left, right, merged);
            _slots.Put(at, hash, count++);
        }
        if (count < most)
            Array.Resize(ref _byRank, count);
    }

    public int Count => _byRank.Length;

    public (string Left, string Right) this[int rank] => (_texts[_byRank[rank].Left], _texts[_byRank[rank].Right]);

    public override (int Rank, int Merged) Find(int left, int right, ReadOnlySpan<byte> joined) =>
        RankOf(left, right, out _, out _) is >= 0 and int rank ? (rank, _byRank[rank].Merged) : (int.MaxValue, -1);

    public IEnumerator<(string Left, string Right)> GetEnumerator() => Enumerable.Range(0, Count).Select(rank => this[rank]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private int RankOf(int left, int right, out int at, out ulong hash)
    {
        hash = SlotTable.Hash(left, right);
        at = _slots.First(hash);
        for (int rank; (rank = _slots.Candidate(hash, ref at)) >= 0; at++)
        {
            if (_byRank[rank].Left == left && _byRank[rank].Right == right)
                return rank;
        }
        return -1;
    }

    private static InvalidTokenizerException Unknown((string Left, string Right) merge, int rank, int left, int right)
    {
        string unknown = left < 0 ? merge.Left : right < 0 ? merge.Right : merge.Left + merge.Right;
        return new($"merge {rank} ({UntrustedText.Quote(merge.Left)} and {UntrustedText.Quote(merge.Right)})",
            $"the token {UntrustedText.Quote(unknown)} is not in the vocabulary");
    }
}
