using System.Text.Json.Nodes;
using MeKi.Model.Gguf;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>A SentencePiece tokenizer small enough to follow by hand: control tokens, all 256 bytes, a few characters and what they merge into.</summary>
internal static class TinySentencePiece
{
    public const int Unknown = 0, Bos = 1, Eos = 2, FirstByte = 3, FirstText = 259;

    /// <summary>Texts that merging gives, each with the two halves that its rank is for, best first.</summary>
    public static readonly (string Left, string Right)[] Merges =
    [
        ("▁", "w"), ("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("▁", "hello"), ("o", "r"), ("▁w", "or"), ("▁", "▁"), ("▁▁", "▁▁"),
        ("a", "a"), ("aa", "aa"), ("\n", "\n"), ("é", "a"),
    ];

    private static readonly string[] s_characters = ["▁", "h", "e", "l", "o", "w", "r", "d", "a", "\n", "é", "我"];

    public static int Tool => FirstText + s_characters.Length + Merges.Length;

    public static SentencePieceData Scored { get; } = new()
    {
        Tokens = [.. Texts()],
        Kinds =
        [
            TokenKind.Unknown, TokenKind.Control, TokenKind.Control, .. Enumerable.Repeat(TokenKind.Byte, 256),
            .. Enumerable.Repeat(TokenKind.Normal, s_characters.Length + Merges.Length), TokenKind.UserDefined,
        ],
        Scores = [.. Enumerable.Repeat(0f, FirstText), .. Enumerable.Repeat(-100f, s_characters.Length),
            .. Enumerable.Range(0, Merges.Length).Select(static rank => -1f - rank), 0f],
        Prefix = SpacePrefix.Always,
        UnknownId = Unknown,
        FusesUnknown = true,
        BosId = Bos,
        AddBos = true,
        EosIds = [Eos],
    };

    /// <summary>The same by merges, as <c>tokenizer.json</c> has it.</summary>
    public static SentencePieceData Ranked { get; } = Scored with { Scores = null, Merges = Merges };

    public static int Id(string text) => Array.IndexOf([.. Scored.Tokens], text);

    public static string[] Pieces(Tokenizer tokenizer, string text, bool parseSpecial = true) =>
        [.. tokenizer.Encode(text, addSpecial: false, parseSpecial).Select(tokenizer.TokenText)];

    public static GgufMetadata Gguf(SentencePieceData? data = null)
    {
        GgufMetadata metadata = new("test.gguf");
        GgufTokenizer.Write(data ?? Scored, metadata);
        return metadata;
    }

    /// <summary>As the <c>tokenizer.json</c> of Llama 2, to be spoilt by tests.</summary>
    public static JsonObject Json()
    {
        JsonObject vocab = [];
        for (int id = 0; id < Tool; id++)
            vocab[Scored.Tokens[id]] = id;
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(Added(Unknown, true), Added(Bos, true), Added(Eos, true), Added(Tool, false)),
            ["normalizer"] = JsonNode.Parse("""
                {"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}
                """),
            ["pre_tokenizer"] = null,
            ["post_processor"] = JsonNode.Parse("""
                {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]}
                """),
            ["decoder"] = JsonNode.Parse("""
                {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},
                 {"type":"Strip","content":" ","start":1,"stop":0}]}
                """),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["unk_token"] = "<unk>",
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["vocab"] = vocab,
                ["merges"] = new JsonArray([.. Merges.Select(static merge => (JsonNode)new JsonArray(merge.Left, merge.Right))]),
            },
        };
    }

    private static JsonObject Added(int id, bool special) => new() { ["id"] = id, ["content"] = Scored.Tokens[id], ["special"] = special };

    private static IEnumerable<string> Texts() =>
        ["<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(static value => $"<0x{value:X2}>"), .. s_characters,
            .. Merges.Select(static merge => merge.Left + merge.Right), "<tool>"];
}
