using System.Collections.Concurrent;
using System.Text;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Byte-level byte-pair encoding, as GPT-2, Llama 3 and Qwen use it: text is cut by split patterns, each piece's UTF-8 bytes merge into tokens.
/// </summary>
internal sealed class BytePairTokenizer : Tokenizer
{
    // Text repeats its words. Pieces longer than this hardly ever come twice, and the bound keeps the cache to a few megabytes.
    private const int CachedPieceLength = 32, CachedPieces = 32768;

    private readonly BytePairData _data;
    private readonly Vocabulary _vocabulary;
    private readonly AddedTokens _added;
    private readonly byte[] _bytes;
    private readonly int[] _byteEnds;
    private readonly int _longestToken;
    private readonly ConcurrentDictionary<string, int[]> _cache = new();
    private int _cached;

    /// <summary>Builds the look-up tables of a tokenizer.</summary>
    /// <param name="data">What it consists of.</param>
    /// <param name="path">The file that it came from.</param>
    /// <param name="warnings">What reading it found to be odd.</param>
    /// <exception cref="InvalidTokenizerException">The data contradicts itself: a merge of unknown tokens, an unusable pattern, an id out of range.</exception>
    public BytePairTokenizer(BytePairData data, string path = "tokenizer", params List<string> warnings)
        : base(data, warnings)
    {
        _vocabulary = new(Index, data, path);
        // The texts that it was read from may go.
        Utf8Strings texts = Index.Texts;
        _data = data with { Tokens = texts, Merges = _vocabulary.Merges };
        _added = new(texts, data.Kinds);
        // No token has more bytes than its text.
        _bytes = new byte[Enumerable.Range(0, texts.Count).Sum(id => HasBytes(data.Kinds[id]) ? texts.Bytes(id).Length : 0)];
        _byteEnds = new int[texts.Count];
        for (int id = 0, end = 0; id < _byteEnds.Length; id++)
        {
            int length = ReadBytes(texts.Bytes(id), data.Kinds[id], _bytes.AsSpan(end));
            _byteEnds[id] = end += length;
            _longestToken = Math.Max(_longestToken, length);
        }
    }

    /// <inheritdoc/>
    internal override BytePairData Data => _data;

    /// <inheritdoc/>
    public override TokenDecoder CreateDecoder(bool continues = false) => new Decoder(this);

    /// <summary>The bytes a token stands for; not always whole UTF-8 characters. Empty for control, unknown and unused tokens.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    internal override ReadOnlySpan<byte> TokenBytes(int id)
    {
        int start = Checked(id) == 0 ? 0 : _byteEnds[id - 1];
        return _bytes.AsSpan(start, _byteEnds[id] - start);
    }

    private protected override void EncodeText(ReadOnlySpan<char> text, List<int> ids, bool parseSpecial)
    {
        PieceMerger merger = new(_vocabulary);
        long deadline = SplitPattern.DeadlineFor(text.Length);
        int at = 0;
        while (_added.TryFind(text, at, parseSpecial, out int start, out int length, out int id))
        {
            EncodePlain(text[at..start], merger, ids, deadline);
            ids.Add(id);
            at = start + length;
        }
        EncodePlain(text[at..], merger, ids, deadline);
    }

    private static bool HasBytes(TokenKind kind) => kind is TokenKind.Normal or TokenKind.Byte or TokenKind.UserDefined;

    private static int ReadBytes(ReadOnlySpan<byte> text, TokenKind kind, Span<byte> bytes)
    {
        if (!HasBytes(kind))
            return 0;
        if (kind != TokenKind.UserDefined)
            return ByteLevelAlphabet.Read(text, bytes);
        text.CopyTo(bytes);
        return text.Length;
    }

    private void EncodePlain(ReadOnlySpan<char> text, PieceMerger merger, List<int> ids, long deadline)
    {
        if (_data.NormalizeNfc)
            text = CanonicalComposition.Normalize(text);
        int start = 0;
        foreach (int end in _vocabulary.Splitter.Split(text, deadline))
        {
            EncodePiece(text[start..end], merger, ids);
            start = end;
        }
    }

    private void EncodePiece(ReadOnlySpan<char> piece, PieceMerger merger, List<int> ids)
    {
        var cache = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
        bool cacheable = piece.Length <= CachedPieceLength;
        if (cacheable && cache.TryGetValue(piece, out int[]? known))
        {
            ids.AddRange(known);
            return;
        }
        int before = ids.Count;
        byte[] utf8 = new byte[Encoding.UTF8.GetByteCount(piece)];
        Encoding.UTF8.GetBytes(piece, utf8);
        int whole = _data.IgnoreMerges ? WholeToken(utf8) : -1;
        if (whole >= 0)
            ids.Add(whole);
        else
            merger.Merge(utf8, ids);
        if (cacheable && cache.TryAdd(piece, [.. ids[before..]]) && Interlocked.Increment(ref _cached) >= CachedPieces)
        {
            // Starting afresh is simpler than choosing what to evict, and the common words are back within a page of text.
            _cache.Clear();
            Interlocked.Exchange(ref _cached, 0);
        }
    }

    private int WholeToken(ReadOnlySpan<byte> piece)
    {
        if (piece.Length > _longestToken)
            return -1;
        Span<byte> spelt = piece.Length <= 128 ? stackalloc byte[2 * piece.Length] : new byte[2 * piece.Length];
        int id = _vocabulary.IdOf(spelt[..ByteLevelAlphabet.Spell(piece, spelt)]);
        return id >= 0 && Kinds[id] == TokenKind.Normal ? id : -1;
    }

    private sealed class Decoder(BytePairTokenizer tokenizer) : TokenDecoder
    {
        private protected override ReadOnlySpan<byte> NextBytes(int id) => tokenizer.TokenBytes(id);
    }
}
