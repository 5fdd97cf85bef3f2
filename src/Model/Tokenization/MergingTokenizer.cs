using System.Collections.Concurrent;

namespace MeKi.Model.Tokenization;

/// <summary>A tokenizer that finds added tokens in the text, cuts what is between them into pieces, and merges each piece on its own.</summary>
internal abstract class MergingTokenizer : Tokenizer
{
    // Text repeats its words. Pieces longer than this hardly ever come twice, and the bound keeps the cache to a few megabytes.
    private const int CachedPieceLength = 32, CachedPieces = 32768;

    private readonly AddedTokens _added;
    private readonly HashSet<int> _leftStripping, _rightStripping;
    private readonly ConcurrentDictionary<string, int[]> _cache = new();
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _known;
    private int _cached;

    /// <exception cref="InvalidTokenizerException">The data contradicts itself.</exception>
    protected MergingTokenizer(TokenizerData data, List<string> warnings)
        : base(data, warnings)
    {
        _added = new(Index.Texts, data.Kinds);
        _leftStripping = [.. data.LeftStrippingIds];
        _rightStripping = [.. data.RightStrippingIds];
        _known = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Which parts of a piece merge.</summary>
    protected abstract MergeRules Rules { get; }

    /// <summary>Adds the tokens of text between added tokens.</summary>
    /// <param name="text">The text, not empty.</param>
    /// <param name="isFirst">Whether it begins the whole text.</param>
    /// <param name="merger">What merges.</param>
    /// <param name="ids">Receives them.</param>
    /// <param name="deadline">When splitting must have ended, as <see cref="SplitPattern.DeadlineFor"/> gives it.</param>
    protected abstract void EncodePlain(ReadOnlySpan<char> text, bool isFirst, PieceMerger merger, List<int> ids, long deadline);

    /// <summary>Adds the tokens of one piece, which depend on nothing but its text.</summary>
    protected abstract void Merge(ReadOnlySpan<char> piece, PieceMerger merger, List<int> ids);

    /// <summary>As <see cref="Merge"/>, and remembers.</summary>
    protected void EncodePiece(ReadOnlySpan<char> piece, PieceMerger merger, List<int> ids)
    {
        bool cacheable = piece.Length <= CachedPieceLength;
        if (cacheable && _known.TryGetValue(piece, out int[]? known))
        {
            ids.AddRange(known);
            return;
        }
        int before = ids.Count;
        Merge(piece, merger, ids);
        if (cacheable && _known.TryAdd(piece, [.. ids[before..]]) && Interlocked.Increment(ref _cached) >= CachedPieces)
        {
            // Starting afresh is simpler than choosing what to evict, and the common words are back within a page of text.
            _cache.Clear();
            Interlocked.Exchange(ref _cached, 0);
        }
    }

    private protected sealed override void EncodeText(ReadOnlySpan<char> text, List<int> ids, bool parseSpecial)
    {
        PieceMerger merger = new(Rules);
        long deadline = SplitPattern.DeadlineFor(text.Length);
        int at = 0;
        while (_added.TryFind(text, at, parseSpecial, out int start, out int length, out int id))
        {
            int end = start;
            while (_leftStripping.Contains(id) && end > at && char.IsWhiteSpace(text[end - 1]))
                end--;
            if (end > at)
                EncodePlain(text[at..end], at == 0, merger, ids, deadline);
            ids.Add(id);
            at = start + length;
            while (_rightStripping.Contains(id) && at < text.Length && char.IsWhiteSpace(text[at]))
                at++;
        }
        if (at < text.Length)
            EncodePlain(text[at..], at == 0, merger, ids, deadline);
    }
}
