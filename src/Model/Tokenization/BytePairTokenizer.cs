using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Byte-level byte-pair encoding, as GPT-2, Llama 3 and Qwen use it: text is cut by split patterns, each piece's UTF-8 bytes merge into tokens.
/// Immutable; one instance serves any number of threads.
/// </summary>
public sealed class BytePairTokenizer
{
    // Text repeats its words. Pieces longer than this hardly ever come twice, and the bound keeps the cache to a few megabytes.
    private const int CachedPieceLength = 32, CachedPieces = 32768;

    private readonly Vocabulary _vocabulary;
    private readonly AddedTokens _added;
    private readonly HashSet<int> _endOfSequence;
    private readonly byte[] _bytes;
    private readonly int[] _byteEnds;
    private readonly int _longestToken;
    private readonly ConcurrentDictionary<string, int[]> _cache = new();
    private int _cached;

    /// <summary>Builds the look-up tables of a tokenizer.</summary>
    /// <exception cref="ArgumentException">The data contradicts itself: a merge of unknown tokens, an unusable pattern, an id out of range.
    /// Data that <see cref="TokenizerJson"/> or <see cref="GgufTokenizer"/> read is sound.</exception>
    public BytePairTokenizer(TokenizerData data)
        : this(data, "tokenizer", [])
    {
    }

    /// <param name="data">What it consists of.</param>
    /// <param name="path">The file that it came from.</param>
    /// <param name="warnings">Receives what is odd and no error, a line each.</param>
    internal BytePairTokenizer(TokenizerData data, string path, ICollection<string> warnings)
    {
        ArgumentNullException.ThrowIfNull(data);
        _vocabulary = new(data, path, warnings);
        // The texts that it was read from may go.
        Data = data with { Tokens = _vocabulary.Texts, Merges = _vocabulary.Merges };
        _added = new(_vocabulary.Texts, data.Kinds);
        _endOfSequence = [.. data.EosIds];
        // No token has more bytes than its text.
        _bytes = new byte[Enumerable.Range(0, data.Tokens.Count).Sum(id => HasBytes(data.Kinds[id]) ? _vocabulary.Texts.Bytes(id).Length : 0)];
        _byteEnds = new int[data.Tokens.Count];
        for (int id = 0, end = 0; id < _byteEnds.Length; id++)
        {
            int length = ReadBytes(_vocabulary.Texts.Bytes(id), data.Kinds[id], _bytes.AsSpan(end));
            _byteEnds[id] = end += length;
            _longestToken = Math.Max(_longestToken, length);
        }
    }

    /// <summary>What the tokenizer was built from.</summary>
    public TokenizerData Data { get; }

    /// <summary>How many tokens there are; ids run from 0 to one less.</summary>
    public int VocabularySize => Data.Tokens.Count;

    /// <summary>Beginning-of-sequence token id, if the model has one.</summary>
    public int? BosId => Data.BosId;

    /// <summary>Whether a token ends a generation.</summary>
    public bool IsEndOfSequence(int id) => _endOfSequence.Contains(id);

    /// <summary>Turns text into token ids. Lone surrogates are read as U+FFFD.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="addSpecial">Whether to start with <see cref="BosId"/> if the model wants it.</param>
    /// <param name="parseSpecial">Whether the names of control tokens in the text become those tokens. If not, they are plain text, as is wise for text from
    /// outside; tokens that a user defined are found in either case. Of two that begin at one place the longer is taken.</param>
    /// <exception cref="ModelFileException">A split pattern that the file brought takes too long on this text.</exception>
    public int[] Encode(string text, bool addSpecial = true, bool parseSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 1);
        if (addSpecial && Data.AddBos && BosId is int bos)
            ids.Add(bos);
        var merger = new PieceMerger(_vocabulary);
        long deadline = SplitPattern.DeadlineFor(text.Length);
        int at = 0;
        while (_added.TryFind(text, at, parseSpecial, out int start, out int length, out int id))
        {
            EncodePlain(text.AsSpan(at..start), merger, ids, deadline);
            ids.Add(id);
            at = start + length;
        }
        EncodePlain(text.AsSpan(at), merger, ids, deadline);
        return [.. ids];
    }

    /// <summary>The bytes a token stands for; not always whole UTF-8 characters. Empty for control, unknown and unused tokens.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public ReadOnlySpan<byte> TokenBytes(int id)
    {
        if ((uint)id >= (uint)VocabularySize)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"The vocabulary has the tokens 0 to {VocabularySize - 1}.");
        int start = id == 0 ? 0 : _byteEnds[id - 1];
        return _bytes.AsSpan(start, _byteEnds[id] - start);
    }

    /// <summary>The text of a sequence of tokens. Bytes that are no UTF-8 become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var bytes = new List<byte>(ids.Length * 4);
        foreach (int id in ids)
            bytes.AddRange(TokenBytes(id));
        return Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(bytes));
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
        if (Data.NormalizeNfc)
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
        int whole = Data.IgnoreMerges ? WholeToken(utf8) : -1;
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
        return id >= 0 && Data.Kinds[id] == TokenKind.Normal ? id : -1;
    }
}
