using System.Buffers;
using System.Globalization;
using System.Text;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Byte-pair encoding over characters, as SentencePiece trains it for Llama 2, Mistral, Phi 3 and Gemma: spaces become U+2581, characters merge by score or
/// by rank, and what has no token becomes bytes.
/// </summary>
internal sealed class SentencePieceTokenizer : MergingTokenizer
{
    private readonly SentencePieceData _data;
    private readonly MergeRules _rules;
    private readonly TextSplitter? _splitter;
    private readonly TokenBytes _bytes;
    private readonly PieceBorders _borders;
    private readonly int[] _byteIds;
    private readonly int[] _asciiIds = new int[128];
    private readonly int _longest;

    /// <summary>Builds the look-up tables of a tokenizer.</summary>
    /// <param name="data">What it consists of.</param>
    /// <param name="path">The file that it came from.</param>
    /// <param name="warnings">What reading it found to be odd.</param>
    /// <exception cref="InvalidTokenizerException">The data contradicts itself: a merge of unknown tokens, too few scores, a byte without a token.</exception>
    public SentencePieceTokenizer(SentencePieceData data, string path = "tokenizer", params List<string> warnings)
        : base(data, warnings)
    {
        if (data.Scores is float[] scores)
            _rules = new ScoreTable(Index, data.Kinds, scores);
        else
        {
            MergeTable merges = new(Index, data.Merges ?? []);
            (_rules, data) = (merges, data with { Merges = merges });
        }
        _splitter = data.SplitPatterns.Count > 0 ? TextSplitter.Of(data.SplitPatterns, path) : null;
        _data = data with { Tokens = Index.Texts };
        _byteIds = FindBytes(data);
        _bytes = new(Index.Texts, data.Kinds, ReadBytes);
        for (int i = 0; i < _asciiIds.Length; i++)
            _asciiIds[i] = TextToken([(byte)i]);
        for (int id = 0; id < Index.Texts.Count; id++)
            _longest = Math.Max(_longest, Index.Texts.Bytes(id).Length);
        _borders = new(Index.Texts, data.Kinds,
            canSpace: TextToken(Encoding.UTF8.GetBytes([SentencePieceData.Space])) >= 0, canLineFeed: _byteIds[0] >= 0 || _asciiIds['\n'] >= 0);
    }

    /// <inheritdoc/>
    internal override SentencePieceData Data => _data;

    /// <inheritdoc/>
    protected override MergeRules Rules => _rules;

    /// <inheritdoc/>
    public override TokenDecoder CreateDecoder(bool continues = false) => new Decoder(this, !continues && _data.Prefix != SpacePrefix.Never);

    /// <inheritdoc/>
    internal override ReadOnlySpan<byte> TokenBytes(int id) => _bytes[Checked(id)];

    /// <summary>The value of a byte token, such as <c>&lt;0x0A&gt;</c>; -1 for another text.</summary>
    public static int ByteValue(ReadOnlySpan<byte> text) =>
        text.Length == 6 && text.StartsWith("<0x"u8) && text[5] == '>'
        && byte.TryParse(text[3..5], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value) ? value : -1;

    /// <inheritdoc/>
    protected override void EncodePlain(ReadOnlySpan<char> text, bool isFirst, PieceMerger merger, List<int> ids, long deadline)
    {
        if (_data.NormalizeNfc)
            text = CanonicalComposition.Normalize(text);
        char[] spelt = ArrayPool<char>.Shared.Rent(text.Length + 1);
        int length = Spell(text, isFirst, spelt);
        text = spelt.AsSpan(0, length);
        if (_splitter is null)
            EncodeWords(text, merger, ids);
        else
        {
            int start = 0;
            foreach (int end in _splitter.Split(text, deadline))
            {
                EncodeWords(text[start..end], merger, ids);
                start = end;
            }
        }
        ArrayPool<char>.Shared.Return(spelt);
    }

    /// <inheritdoc/>
    protected override void Merge(ReadOnlySpan<char> piece, PieceMerger merger, List<int> ids)
    {
        Span<byte> buffer = merger.Piece(Encoding.UTF8.GetMaxByteCount(piece.Length));
        ReadOnlySpan<byte> utf8 = buffer[..Encoding.UTF8.GetBytes(piece, buffer)];
        merger.Begin(utf8.Length);
        for (int at = 0; at < utf8.Length;)
        {
            if (utf8[at] < 0x80)
            {
                merger.Add(_asciiIds[utf8[at]], at);
                at++;
                continue;
            }
            int length = utf8[at] < 0xE0 ? 2 : utf8[at] < 0xF0 ? 3 : 4;
            merger.Add(TextToken(utf8.Slice(at, length)), at);
            at += length;
        }
        merger.Run();
        bool isUnknown = false;
        for (int at = merger.First; at >= 0; at = merger.After(at))
        {
            bool wasUnknown = isUnknown;
            int id = merger.TokenAt(at);
            isUnknown = id < 0 && _byteIds[0] < 0;
            if (id >= 0)
                ids.Add(id);
            else if (!isUnknown)
            {
                foreach (byte value in merger.BytesAt(at))
                    ids.Add(_byteIds[value]);
            }
            else if (!(wasUnknown && _data.FusesUnknown))
                ids.Add(_data.UnknownId!.Value);
        }
    }

    // With spaces as the tokens have them, and the one before the text.
    private int Spell(ReadOnlySpan<char> text, bool isFirst, Span<char> spelt)
    {
        int length = 0;
        bool isSpaced = text.Length > 0 && text[0] is ' ' or SentencePieceData.Space;
        if (_data.RemovesExtraSpaces)
        {
            text = text.Trim(' ');
            isSpaced = false;
        }
        bool prefixed = _data.Prefix switch
        {
            SpacePrefix.Always => true,
            SpacePrefix.Missing => !isSpaced,
            SpacePrefix.First => isFirst && !isSpaced,
            _ => false,
        };
        if (prefixed && text.Length > 0)
            spelt[length++] = SentencePieceData.Space;
        if (!_data.RemovesExtraSpaces)
        {
            text.Replace(spelt[length..], ' ', SentencePieceData.Space);
            return length + text.Length;
        }
        foreach (char c in text)
        {
            if (c != ' ')
                spelt[length++] = c;
            else if (spelt[length - 1] != SentencePieceData.Space)
                spelt[length++] = SentencePieceData.Space;
        }
        return length;
    }

    private void EncodeWords(ReadOnlySpan<char> text, PieceMerger merger, List<int> ids)
    {
        while (_data.SplitsWords && text.Length > 1 && text[1..].IndexOf(SentencePieceData.Space) is >= 0 and int before)
        {
            EncodeWhole(text[..(before + 1)], merger, ids);
            text = text[(before + 1)..];
        }
        EncodeWhole(text, merger, ids);
    }

    // What merges on its own, cut where no token crosses.
    private void EncodeWhole(ReadOnlySpan<char> text, PieceMerger merger, List<int> ids)
    {
        bool whole = _data.IgnoreMerges || (_data.TakesLineFeedsWhole && !text.ContainsAnyExcept('\n'));
        if (whole && text.Length <= _longest && TextToken(Encoding.UTF8.GetBytes(text.ToString())) is >= 0 and int id)
        {
            ids.Add(id);
            return;
        }
        while (text.Length > 0)
        {
            int end = _borders.Next(text);
            EncodePiece(text[..end], merger, ids);
            text = text[end..];
        }
    }

    // The token that text becomes.
    private int TextToken(ReadOnlySpan<byte> text) => Index.Find(text) is >= 0 and int id && ScoreTable.IsText(Kinds[id]) ? id : -1;

    // The token of each byte, or -1 for all.
    private int[] FindBytes(SentencePieceData data)
    {
        int[] ids = new int[256];
        Array.Fill(ids, -1);
        for (int id = 0; id < data.Kinds.Count; id++)
        {
            if (data.Kinds[id] != TokenKind.Byte)
                continue;
            int value = ByteValue(Index.Texts.Bytes(id));
            if (value < 0)
                throw new InvalidTokenizerException($"byte token {id}", $"has the text {UntrustedText.Quote(TokenText(id))}, which names no byte");
            if (ids[value] < 0)
                ids[value] = id;
        }
        int missing = ids.Count(static id => id < 0);
        if (missing is > 0 and < 256)
        {
            throw new InvalidTokenizerException("byte tokens",
                $"<0x{Array.IndexOf(ids, -1):X2}> is missing{(missing > 1 ? $" and {missing - 1} more are" : "")}, and a text with it could not be encoded");
        }
        if (missing > 0 && data.UnknownId is null)
            throw new InvalidTokenizerException("byte tokens", "there are none, and no unknown token, so that not every text could be encoded");
        return ids;
    }

    private static int ReadBytes(ReadOnlySpan<byte> text, TokenKind kind, Span<byte> bytes)
    {
        if (kind == TokenKind.Byte)
        {
            bytes[0] = (byte)ByteValue(text);
            return 1;
        }
        int length = 0;
        for (int i = 0; i < text.Length; i++)
        {
            bool isSpace = text[i..].StartsWith("\u2581"u8);
            bytes[length++] = isSpace ? (byte)' ' : text[i];
            i += isSpace ? 2 : 0;
        }
        return length;
    }

    // Leaves out the space that encoding puts before a text.
    private sealed class Decoder(SentencePieceTokenizer tokenizer, bool isPrefixed) : TokenDecoder
    {
        private bool _isPrefixed = isPrefixed;

        private protected override ReadOnlySpan<byte> NextBytes(int id)
        {
            ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(id);
            if (!_isPrefixed || bytes.IsEmpty)
                return bytes;
            _isPrefixed = false;
            return bytes[0] == ' ' && tokenizer.Kinds[id] == TokenKind.Normal ? bytes[1..] : bytes;
        }
    }
}
