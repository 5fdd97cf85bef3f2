using System.Buffers.Binary;
using System.Text;
using MeKi.Model.Files;
using MeKi.Store.Storage;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Reads a SentencePiece <c>tokenizer.model</c>, a protobuf message, with what <c>added_tokens.json</c>, <c>tokenizer_config.json</c> and the other files
/// beside it say of special tokens. What would change results and is not supported is refused.
/// </summary>
internal static class SentencePieceModel
{
    private const int MostBytes = 64 << 20, MostTokens = JsonPlace.MaxId;
    private const string Json = "Put the model's tokenizer.json beside it, which is read first";

    /// <summary>The file in a checkpoint's folder.</summary>
    public const string FileName = "tokenizer.model";

    private enum ModelType
    {
        Unigram = 1,
        Bpe = 2,
    }

    /// <summary>Reads the tokenizer and builds it.</summary>
    /// <param name="path">The file; its folder is searched for the others.</param>
    /// <exception cref="ModelFileException">A file is damaged, or asks for something unsupported; the message names the place.</exception>
    public static Tokenizer Load(string path)
    {
        List<string> warnings = [];
        try
        {
            byte[] bytes = RegularFile.ReadAllBytes(path, MostBytes);
            if (bytes.Length == 0)
                throw Fault(path, "", "is empty or not a regular file", "Fetch it again; pipes and devices are not read");
            return new SentencePieceTokenizer(Read(path, bytes, warnings), path, warnings);
        }
        catch (InvalidTokenizerException exception)
        {
            throw new ModelFileException(path, exception.Place, exception.Problem, "", exception);
        }
        catch (UnusableFileException exception)
        {
            string problem = exception.IsMissing ? "cannot be read: there is no such file" : exception.Problem;
            throw new ModelFileException(path, "", problem, exception.Remedy, exception);
        }
    }

    private static SentencePieceData Read(string path, ReadOnlySpan<byte> bytes, List<string> warnings)
    {
        Pieces pieces = new(bytes.Length);
        Settings settings = new();
        ProtobufReader message = new(bytes, path);
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1:
                    pieces.Add(message.Bytes(), path);
                    break;
                case 2:
                    settings.ReadTrainer(message.Bytes(), path);
                    break;
                case 3:
                    settings.ReadNormalizer(message.Bytes(), path);
                    break;
            }
        }
        if (pieces.Kinds.Count == 0)
            throw Fault(path, "", "has no pieces and so is no SentencePiece model", $"{Json}; a tiktoken file of that name is not read");
        settings.Check(path);
        int count = pieces.Kinds.Count;

        SpecialTokenFiles folder = new(Path.GetDirectoryName(path) ?? "", warnings);
        AddedTokenFiles added = AddedTokenFiles.Read(Path.GetDirectoryName(path) ?? "");
        (Utf8Strings texts, TokenKind[] kinds, List<float> scores) = added.AddTo(pieces.Texts.Build(), pieces.Kinds, pieces.Scores, folder.VocabularySize());
        TokenIndex index = new(texts);
        int IdOf(string text) => index.Find(Encoding.UTF8.GetBytes(text));
        (int? bos, bool adds) = folder.ReadBos(IdOf, kinds.Length, leading: null, Known(settings.Bos, count));
        int[] eos = folder.ReadEos(IdOf, kinds.Length);
        return new()
        {
            Tokens = texts,
            Kinds = kinds,
            Scores = [.. scores],
            Prefix = settings.Prefix ? SpacePrefix.Always : SpacePrefix.Never,
            RemovesExtraSpaces = settings.RemovesExtraSpaces,
            UnknownId = Array.IndexOf(kinds, TokenKind.Unknown) is >= 0 and int unknown ? unknown : null,
            FusesUnknown = true,
            BosId = bos,
            AddBos = adds,
            EosIds = EndTokens.Find(eos.Length > 0 ? eos : Known(settings.Eos, count) is int end ? [end] : [], texts, kinds, warnings),
            SuppressedIds = folder.ReadSuppressed(kinds.Length),
            LeftStrippingIds = added.LeftStripping,
            RightStrippingIds = added.RightStripping,
        };
    }

    // -1 says that there is none.
    private static int? Known(long id, int count) => id >= 0 && id < count ? (int)id : null;

    private static ModelFileException Fault(string path, string place, string problem, string remedy) => new(path, place, problem, remedy);

    /// <summary>The vocabulary in the order of its ids.</summary>
    private sealed class Pieces(int bytes)
    {
        private static readonly UTF8Encoding s_strict = new(false, true);

        public Utf8StringsBuilder Texts { get; } = new(bytes);

        public List<float> Scores { get; } = [];

        public List<TokenKind> Kinds { get; } = [];

        public void Add(ReadOnlySpan<byte> piece, string path)
        {
            int id = Kinds.Count;
            if (id == MostTokens)
                throw Fault(path, "", $"has more than {MostTokens} pieces", "The file is damaged");
            (float score, long kind) = (0, (long)TokenKind.Normal);
            ProtobufReader fields = new(piece, path);
            ReadOnlySpan<byte> text = [];
            while (fields.Next())
            {
                switch (fields.Field)
                {
                    case 1:
                        text = fields.Bytes();
                        break;
                    case 2:
                        score = BitConverter.UInt32BitsToSingle(fields.Fixed32());
                        break;
                    case 3:
                        kind = fields.Integer();
                        break;
                }
            }
            if (kind is < (int)TokenKind.Normal or > (int)TokenKind.Byte)
                throw Fault(path, $"piece {id}", $"the type {kind} is not one of the six", "The file is damaged");
            try
            {
                s_strict.GetCharCount(text);
            }
            catch (DecoderFallbackException)
            {
                throw Fault(path, $"piece {id}", "is not valid UTF-8", "The file is damaged");
            }
            Texts.Append(text);
            Texts.End();
            Scores.Add(score);
            Kinds.Add((TokenKind)kind);
        }
    }

    /// <summary>What trainer and normaliser say; what they leave out is as SentencePiece has it.</summary>
    private sealed class Settings
    {
        private long _model = (long)ModelType.Unigram;
        private bool _hasTable, _keepsSpaces, _isSuffix;

        public bool Prefix { get; private set; } = true;

        public bool RemovesExtraSpaces { get; private set; } = true;

        public long Bos { get; private set; } = 1;

        public long Eos { get; private set; } = 2;

        public void ReadTrainer(ReadOnlySpan<byte> message, string path)
        {
            ProtobufReader fields = new(message, path);
            while (fields.Next())
            {
                switch (fields.Field)
                {
                    case 3:
                        _model = fields.Integer();
                        break;
                    case 24:
                        _isSuffix = fields.Integer() != 0;
                        break;
                    case 41:
                        Bos = fields.Integer();
                        break;
                    case 42:
                        Eos = fields.Integer();
                        break;
                }
            }
        }

        public void ReadNormalizer(ReadOnlySpan<byte> message, string path)
        {
            ProtobufReader fields = new(message, path);
            while (fields.Next())
            {
                switch (fields.Field)
                {
                    case 2:
                        _hasTable = fields.Bytes().Length > 0;
                        break;
                    case 3:
                        Prefix = fields.Integer() != 0;
                        break;
                    case 4:
                        RemovesExtraSpaces = fields.Integer() != 0;
                        break;
                    case 5:
                        _keepsSpaces = fields.Integer() == 0;
                        break;
                }
            }
        }

        public void Check(string path)
        {
            if (_model != (long)ModelType.Bpe)
                throw Fault(path, "trainer_spec", _model == (long)ModelType.Unigram ? "is a unigram model, and only BPE is supported"
                    : "is neither words nor BPE, and only BPE is supported", Json);
            if (_hasTable)
                throw Fault(path, "normalizer_spec", "has a table of characters to replace, which is not supported", Json);
            if (_keepsSpaces || _isSuffix)
                throw Fault(path, _isSuffix ? "trainer_spec" : "normalizer_spec", "does not put U+2581 before words, which is not supported", Json);
        }
    }

    /// <summary>Walks over the fields of a protobuf message.</summary>
    private ref struct ProtobufReader(ReadOnlySpan<byte> message, string path)
    {
        private const int Varint = 0, Fixed64Type = 1, Delimited = 2, Fixed32Type = 5;

        private readonly string _path = path;
        private ReadOnlySpan<byte> _rest = message;
        private int _type;
        private ReadOnlySpan<byte> _bytes;
        private ulong _number;

        /// <summary>The field's number.</summary>
        public int Field { get; private set; }

        /// <summary>Goes to the next field.</summary>
        /// <returns>False behind the last.</returns>
        public bool Next()
        {
            if (_rest.IsEmpty)
                return false;
            ulong tag = ReadVarint();
            (Field, _type) = ((int)Math.Min(tag >> 3, int.MaxValue), (int)(tag & 7));
            switch (_type)
            {
                case Varint:
                    _number = ReadVarint();
                    break;
                case Fixed64Type:
                    Take(sizeof(ulong));
                    break;
                case Delimited:
                    ulong length = ReadVarint();
                    Take(length <= (ulong)_rest.Length ? (int)length : int.MaxValue);
                    break;
                case Fixed32Type:
                    Take(sizeof(uint));
                    break;
                default:
                    throw Damaged();
            }
            return true;
        }

        public readonly ReadOnlySpan<byte> Bytes() => _type == Delimited ? _bytes : throw Damaged();

        // Negative numbers are 64 bits of two's complement.
        public readonly long Integer() => _type == Varint ? (long)_number : throw Damaged();

        public readonly uint Fixed32() => _type == Fixed32Type ? BinaryPrimitives.ReadUInt32LittleEndian(_bytes) : throw Damaged();

        private void Take(int length)
        {
            if (length > _rest.Length)
                throw Damaged();
            _bytes = _rest[..length];
            _rest = _rest[length..];
        }

        private ulong ReadVarint()
        {
            const int MostBytes = 10;
            ulong value = 0;
            for (int i = 0; i < MostBytes && i < _rest.Length; i++)
            {
                value |= (ulong)(_rest[i] & 0x7F) << (7 * i);
                if (_rest[i] < 0x80)
                {
                    _rest = _rest[(i + 1)..];
                    return value;
                }
            }
            throw Damaged();
        }

        private readonly ModelFileException Damaged() => Fault(_path, "", "is no SentencePiece model, or is damaged",
            $"Fetch it again. {Json}; a tiktoken file of that name is not read");
    }
}
