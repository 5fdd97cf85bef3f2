using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeKi.Fuzz.Mutation;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Tokenization;
using MeKi.Model.Tokenization;

namespace MeKi.Fuzz.Readers;

/// <summary><c>tokenizer.json</c>.</summary>
internal sealed class TokenizerJsonReader : Reader
{
    private static readonly JsonMutation s_json = new("model", "type", "BPE", "Unigram", "WordPiece", "vocab", "merges", "added_tokens", "id", "content",
        "special",
        "lstrip", "rstrip", "single_word", "normalized", "normalizer", "NFC", "Prepend", "Replace", "pattern", "String", "Regex", "pre_tokenizer", "ByteLevel",
        "Split", "Sequence", "pretokenizers", "normalizers", "decoders", "behavior", "invert", "Metaspace", "replacement", "prepend_scheme", "split", "Digits",
        "individual_digits", "Punctuation", "use_regex", "add_prefix_space", "post_processor", "TemplateProcessing", "single", "SpecialToken", "decoder",
        "ByteFallback", "Fuse", "Strip", "start", "stop", "byte_fallback", "fuse_unk", "unk_token", "ignore_merges", "dropout", "truncation", "padding");

    private readonly TemporaryFolder _folder = new();

    public override string Name => "tokenizer-json";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_json.Mutate(input, other, random);

    public override void Read(byte[] input, Random random) => Walk.Texts(TokenizerJson.Load(_folder.Add("tokenizer.json", input)), random);

    protected override void Close() => _folder.Dispose();

    protected override IEnumerable<byte[]> Sound()
    {
        foreach (JsonObject json in new[] { TinyTokenizer.Json(), TinyTokenizer.Json(mergesAsPairs: true), TinySentencePiece.Json() })
            yield return Encoding.UTF8.GetBytes(json.ToJsonString());
        JsonObject gemma = TinySentencePiece.Json();
        gemma["normalizer"] = JsonNode.Parse("""{"type":"Replace","pattern":{"String":" "},"content":"▁"}""");
        gemma["pre_tokenizer"] = JsonNode.Parse("""{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}""");
        yield return Encoding.UTF8.GetBytes(gemma.ToJsonString());
        JsonObject digits = TinyTokenizer.Json();
        digits["normalizer"] = JsonNode.Parse("""{"type":"Sequence","normalizers":[{"type":"NFC"}]}""");
        digits["pre_tokenizer"] = JsonNode.Parse("""
            {"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"Punctuation","behavior":"Isolated"},
             {"type":"ByteLevel","add_prefix_space":false,"use_regex":true}]}
            """);
        yield return Encoding.UTF8.GetBytes(digits.ToJsonString());
    }
}

/// <summary>Patterns that tokenizers split texts by.</summary>
internal sealed class SplitPatternReader : Reader
{
    private static readonly TextMutation s_text = new(
        [@"\p{L}", @"\p{N}", @"\P{L}", @"\s", @"\S", @"\d", @"\w", @"[^\r\n]", "(?!", "(?=", "(?i:", "(?:", "(?<=", "(", ")", "[", "]", "|", "*", "+", "?",
            "{1,3}",
            "{0,}", "{3}", "{999999999}", "{", "}", "++", "*+", "+?", ".", "^", "$", @"\b", @"\1", @"\x{10FFFF}", @"\u0041", "a-z", "&&", "[:alpha:]", @"\R",
            @"\p{Han}"],
        [("(", ")"), ("(?:", ")"), ("(?:", ")*"), ("(?:a|", ")+"), ("[", "]"), ("[^", "]"), ("(?!", ")")]);

    private readonly TemporaryFolder _folder = new();

    public override string Name => "split-pattern";

    public override bool IsProgram => true;

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_text.Mutate(input, other, random);

    public override void Read(byte[] input, Random random)
    {
        JsonObject json = TinyTokenizer.Json();
        json["pre_tokenizer"]!["pretokenizers"]![0] = TinyTokenizer.Split(Encoding.UTF8.GetString(input));
        Walk.Texts(TokenizerJson.Load(_folder.Add("tokenizer.json", JsonSerializer.SerializeToUtf8Bytes(json))), random);
    }

    protected override void Close() => _folder.Dispose();

    protected override IEnumerable<byte[]> Sound() =>
        new[] { "default", "llama-bpe", "qwen2", "gpt-4o", "deepseek-llm", "deepseek-v3", "tekken", "qwen35" }.Select(SplitNames.Find).OfType<SplitNames>()
            .SelectMany(names => names.Patterns).Append(SplitNames.Gpt2).Select(Encoding.UTF8.GetBytes);
}

/// <summary>SentencePiece's <c>tokenizer.model</c>.</summary>
internal sealed class TokenizerModelReader : Reader
{
    private readonly TemporaryFolder _folder = new();

    public override string Name => "tokenizer-model";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => ProtobufMutation.Mutate(input, other, random);

    public override void Read(byte[] input, Random random) => Walk.Texts(SentencePieceModel.Load(_folder.Add("tokenizer.model", input)), random);

    protected override void Close() => _folder.Dispose();

    protected override IEnumerable<byte[]> Sound()
    {
        SentencePieceData data = TinySentencePiece.Scored;
        List<byte> file = [];
        for (int id = 0; id < data.Tokens.Count; id++)
        {
            byte kind = (byte)(data.Kinds[id] switch
            {
                TokenKind.Unknown => 2,
                TokenKind.Control => 3,
                TokenKind.UserDefined => 4,
                TokenKind.Byte => 6,
                _ => 1,
            });
            byte[] piece = Encoding.UTF8.GetBytes(data.Tokens[id]);
            file.AddRange(Bytes(1, [.. Bytes(1, piece), 0x15, .. BitConverter.GetBytes(data.Scores![id]), 0x18, kind]));
        }
        // Of the trainer: BPE, byte fallback, the ids; of the normaliser: its name, the prefix, spaces.
        file.AddRange(Bytes(2, [0x18, 2, 0x98, 2, 1, 0xC0, 2, 0, 0xC8, 2, 1, 0xD0, 2, 2]));
        file.AddRange(Bytes(3, [.. Bytes(1, "identity"u8.ToArray()), 0x18, 1, 0x20, 0, 0x28, 1]));
        yield return [.. file];
        yield return [.. file[..^8]];
    }

    private static byte[] Bytes(int field, byte[] value) => [(byte)(field << 3 | 2), (byte)value.Length, .. value];
}
