using System.Text.Json.Nodes;
using MeKi.Model.Gguf;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>A tokenizer small enough to follow by hand: all 256 bytes, a few merges, a control and two user-defined tokens.</summary>
internal static class TinyTokenizer
{
    public const string Qwen2 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public const int FirstMerged = 256;

    /// <summary>Merges in order of rank; the token of merge i is <see cref="FirstMerged"/> + i.</summary>
    public static readonly (string Left, string Right)[] Merges =
        [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "w"), ("Ġ", "Ġ"), ("ĠĠ", "ĠĠ"), ("Ã", "©"), ("a", "a"), ("aa", "aa")];

    public static readonly string[] Added = ["<|end|>", "<tool>", "<tool>s"];

    public static int End => FirstMerged + Merges.Length;

    public static int Tool => End + 1;

    public static int Tools => End + 2;

    public static BytePairData Data { get; } = new()
    {
        Tokens = [.. Enumerable.Range(0, 256).Select(static b => ByteLevelAlphabet.CharOf((byte)b).ToString()),
            .. Merges.Select(static m => m.Left + m.Right), .. Added],
        Kinds = [.. Enumerable.Repeat(TokenKind.Normal, FirstMerged + Merges.Length), TokenKind.Control, TokenKind.UserDefined, TokenKind.UserDefined],
        Merges = Merges,
        SplitPatterns = [Qwen2],
        EosIds = [FirstMerged + Merges.Length],
    };

    public static BytePairData Read(GgufMetadata metadata) => (BytePairData)GgufTokenizer.Load(metadata).Data;

    public static BytePairData Read(string path) => (BytePairData)TokenizerJson.Load(path).Data;

    /// <summary>The same as a <c>tokenizer.json</c>, to be spoilt by tests.</summary>
    public static JsonObject Json(bool mergesAsPairs = false)
    {
        var vocab = new JsonObject();
        for (int id = 0; id < End; id++)
            vocab[Data.Tokens[id]] = id;
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray([.. Added.Select(static (text, i) =>
                (JsonNode)new JsonObject { ["id"] = End + i, ["content"] = text, ["lstrip"] = false, ["special"] = i == 0 })]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(Split(Qwen2), new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = false }),
            },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = vocab,
                ["merges"] = new JsonArray([.. Merges.Select(m => mergesAsPairs ? (JsonNode)new JsonArray(m.Left, m.Right) : $"{m.Left} {m.Right}")]),
            },
        };
    }

    public static JsonObject Split(string regex) => new()
    {
        ["type"] = "Split",
        ["pattern"] = new JsonObject { ["Regex"] = regex },
        ["behavior"] = "Isolated",
        ["invert"] = false,
    };

    /// <summary>Asserts that two tokenizers are made of the same.</summary>
    public static void AssertEqual(BytePairData expected, BytePairData actual)
    {
        Assert.Equal(expected.Tokens, actual.Tokens);
        Assert.Equal(expected.Kinds, actual.Kinds);
        Assert.Equal(expected.Merges, actual.Merges);
        Assert.Equal(expected.SplitPatterns, actual.SplitPatterns);
        Assert.Equal(expected.EosIds, actual.EosIds);
        Assert.Equal((expected.NormalizeNfc, expected.IgnoreMerges, expected.BosId, expected.AddBos),
            (actual.NormalizeNfc, actual.IgnoreMerges, actual.BosId, actual.AddBos));
    }
}
