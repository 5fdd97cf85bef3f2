using System.Text;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Byte-level byte-pair encoding, as GPT-2, Llama 3 and Qwen use it: text is cut by split patterns, each piece's UTF-8 bytes merge into tokens.
/// </summary>
internal sealed class BytePairTokenizer : MergingTokenizer
{
    private readonly BytePairData _data;
    private readonly MergeTable _merges;
    private readonly TextSplitter _splitter;
    private readonly TokenBytes _bytes;

    // The token of each single byte; -1 where the vocabulary has none.
    private readonly int[] _byteIds = new int[256];

    /// <summary>Builds the look-up tables of a tokenizer.</summary>
    /// <param name="data">What it consists of.</param>
    /// <param name="path">The file that it came from.</param>
    /// <param name="warnings">What reading it found to be odd.</param>
    /// <exception cref="InvalidTokenizerException">The data contradicts itself: a merge of unknown tokens, an unusable pattern, an id out of range.</exception>
    public BytePairTokenizer(BytePairData data, string path = "tokenizer", params List<string> warnings)
        : base(data, warnings)
    {
        _merges = new(Index, data.Merges);
        _splitter = TextSplitter.Of(data.SplitPatterns, path);
        // The texts that it was read from may go.
        _data = data with { Tokens = Index.Texts, Merges = _merges };
        _bytes = new(Index.Texts, data.Kinds, ReadBytes);
        Span<byte> spelt = stackalloc byte[2];
        for (int value = 0; value < _byteIds.Length; value++)
            _byteIds[value] = Index.Find(spelt[..ByteLevelAlphabet.Spell([(byte)value], spelt)]);
    }

    /// <inheritdoc/>
    internal override BytePairData Data => _data;

    /// <inheritdoc/>
    protected override MergeRules Rules => _merges;

    /// <inheritdoc/>
    public override TokenDecoder CreateDecoder(bool continues = false) => new Decoder(this);

    /// <inheritdoc/>
    internal override ReadOnlySpan<byte> TokenBytes(int id) => _bytes[Checked(id)];

    /// <inheritdoc/>
    protected override void EncodePlain(ReadOnlySpan<char> text, bool isFirst, PieceMerger merger, List<int> ids, long deadline)
    {
        if (_data.NormalizeNfc)
            text = CanonicalComposition.Normalize(text);
        int start = 0;
        foreach (int end in _splitter.Split(text, deadline))
        {
            EncodePiece(text[start..end], merger, ids);
            start = end;
        }
    }

    /// <inheritdoc/>
    protected override void Merge(ReadOnlySpan<char> piece, PieceMerger merger, List<int> ids)
    {
        Span<byte> buffer = merger.Piece(Encoding.UTF8.GetMaxByteCount(piece.Length));
        ReadOnlySpan<byte> utf8 = buffer[..Encoding.UTF8.GetBytes(piece, buffer)];
        int whole = _data.IgnoreMerges ? WholeToken(utf8) : -1;
        if (whole >= 0)
        {
            ids.Add(whole);
            return;
        }
        merger.Begin(utf8.Length);
        for (int i = 0; i < utf8.Length; i++)
        {
            // A byte without a token of its own is left out, as other implementations do.
            if (_byteIds[utf8[i]] >= 0)
                merger.Add(_byteIds[utf8[i]], i);
        }
        merger.Run();
        for (int at = merger.First; at >= 0; at = merger.After(at))
            ids.Add(merger.TokenAt(at));
    }

    private static int ReadBytes(ReadOnlySpan<byte> text, TokenKind kind, Span<byte> bytes)
    {
        if (kind != TokenKind.UserDefined)
            return ByteLevelAlphabet.Read(text, bytes);
        text.CopyTo(bytes);
        return text.Length;
    }

    private int WholeToken(ReadOnlySpan<byte> piece)
    {
        if (piece.Length > _bytes.Longest)
            return -1;
        Span<byte> spelt = piece.Length <= 128 ? stackalloc byte[2 * piece.Length] : new byte[2 * piece.Length];
        int id = Index.Find(spelt[..ByteLevelAlphabet.Spell(piece, spelt)]);
        return id >= 0 && Kinds[id] == TokenKind.Normal ? id : -1;
    }

    private sealed class Decoder(BytePairTokenizer tokenizer) : TokenDecoder
    {
        private protected override ReadOnlySpan<byte> NextBytes(int id) => tokenizer.TokenBytes(id);
    }
}
