using System.Text.Json.Nodes;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>Files that are odd and usable: they load, and a line says what is odd.</summary>
public sealed class TokenizerToleranceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private IReadOnlyList<string> _warnings = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Fault", "18.5")]
    public void A_gguf_that_does_not_say_how_to_split_is_a_warning()
    {
        GgufMetadata metadata = Written(TinyTokenizer.Data, without: "tokenizer.ggml.pre");
        Assert.Equal(SplitNames.Find("default")!.Patterns, Load(metadata).Data.SplitPatterns);
        Assert.Contains("'tokenizer.ggml.pre' is missing", Assert.Single(_warnings), StringComparison.Ordinal);
        metadata["tokenizer.ggml.pre"] = "default";
        Load(metadata);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void A_gguf_with_an_unknown_way_of_splitting_is_a_warning()
    {
        GgufMetadata metadata = Written(TinyTokenizer.Data);
        metadata["tokenizer.ggml.pre"] = "of-tomorrow";
        Assert.Equal(SplitNames.Find("default")!.Patterns, Load(metadata).Data.SplitPatterns);
        Assert.Contains("the way of splitting 'of-tomorrow' is not known; text is split in the way 'default' instead", Assert.Single(_warnings),
            StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Fault", "18.tolerance")]
    [InlineData("tokenizer.ggml.bos_token_id", 100000)]
    [InlineData("tokenizer.ggml.bos_token_id", uint.MaxValue)]
    [InlineData("tokenizer.ggml.bos_token_id", -1)]
    [InlineData("tokenizer.ggml.bos_token_id", long.MinValue)]
    [InlineData("tokenizer.ggml.eot_token_id", 100000u)]
    [InlineData("tokenizer.meki.eos_token_ids", new[] { 100000, TinyEnd })]
    public void A_gguf_with_a_stray_id_loads_without_it(string key, object id)
    {
        GgufMetadata metadata = Written(TinyTokenizer.Data);
        metadata[key] = id;
        BytePairData data = Load(metadata).Data;
        Assert.Null(data.BosId);
        Assert.Equal([TinyEnd], data.EosIds);
        string warning = Assert.Single(_warnings);
        Assert.Contains(key, warning, StringComparison.Ordinal);
        Assert.Contains($"is outside the vocabulary of {data.Tokens.Count} tokens and is ignored", warning, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Fault", "18.tolerance")]
    [InlineData("tokenizer_config.json", """{"eos_token":"<none>"}""", "tokenizer_config.json, $.eos_token: the token '<none>' is not in the vocabulary")]
    [InlineData("tokenizer_config.json", """{"bos_token":{"content":"<none>"},"add_bos_token":true}""", "$.bos_token: the token '<none>'")]
    [InlineData("generation_config.json", """{"eos_token_id":[266,100000]}""", "generation_config.json, $.eos_token_id[1]: the id 100000 is outside")]
    [InlineData("config.json", """{"eos_token_id":-1}""", "config.json, $.eos_token_id: the id -1 is outside")]
    [InlineData("config.json", """{"bos_token_id":4294967295}""", "config.json, $.bos_token_id: the id 4294967295 is outside")]
    public void A_folder_with_a_stray_id_loads_without_it(string name, string content, string expected)
    {
        File.WriteAllText(_folder[name], content);
        BytePairData data = Read(TinyTokenizer.Json()).Data;
        Assert.Equal((null, false), (data.BosId, data.AddBos));
        Assert.Equal([TinyEnd], data.EosIds);
        Assert.Contains(expected, Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public void The_undefined_token_type_is_an_ordinary_token()
    {
        GgufMetadata metadata = Written(TinyTokenizer.Data);
        int[] types = metadata.Get<int[]>("tokenizer.ggml.token_type");
        Array.Clear(types, 0, TinyEnd);
        metadata["tokenizer.ggml.token_type"] = types;
        BytePairTokenizer tokenizer = Load(metadata);
        TinyTokenizer.AssertEqual(TinyTokenizer.Data, tokenizer.Data);
        Assert.Equal("hello", tokenizer.Decode(tokenizer.Encode("hello")));
    }

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public void Of_tokens_with_the_same_text_the_first_is_used()
    {
        string[] tokens = [.. TinyTokenizer.Data.Tokens];
        tokens[TinyTokenizer.Tools] = tokens[TinyTokenizer.Tool];
        tokens = [.. tokens, "hello", "he", "<tool>"];
        TokenKind[] kinds = [.. TinyTokenizer.Data.Kinds, TokenKind.Normal, TokenKind.Normal, TokenKind.Control];
        BytePairTokenizer tokenizer = Load(Written(TinyTokenizer.Data with { Tokens = tokens, Kinds = kinds }));
        Assert.Equal(new BytePairTokenizer(TinyTokenizer.Data).Encode("hello he<tool>hello"), tokenizer.Encode("hello he<tool>hello"));
        Assert.Contains("has the text '<tool>' of token", Assert.Single(_warnings), StringComparison.Ordinal);
        Assert.Contains("; 3 more have", _warnings[0], StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public void An_added_token_that_the_vocabulary_has_keeps_the_vocabularys_id()
    {
        JsonObject json = TinyTokenizer.Json();
        json["added_tokens"]![1]!["content"] = "hello";
        BytePairTokenizer tokenizer = Read(json);
        Assert.Equal([TinyTokenizer.FirstMerged + 3], tokenizer.Encode("hello"));
        Assert.Equal(TokenKind.UserDefined, tokenizer.Data.Kinds[TinyTokenizer.FirstMerged + 3]);
        Assert.Equal(TokenKind.Unused, tokenizer.Data.Kinds[TinyTokenizer.Tool]);
        string expected = $"'hello' has the id {TinyTokenizer.Tool} and, in the vocabulary, {TinyTokenizer.FirstMerged + 3}";
        Assert.Contains(expected, Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public void Tokens_without_text_are_met_in_no_text()
    {
        JsonObject json = TinyTokenizer.Json();
        json["added_tokens"]![1]!["content"] = "";
        json["model"]!["vocab"]![""] = TinyTokenizer.Tools + 5;
        BytePairTokenizer tokenizer = Read(json);
        Assert.Equal([(int)'a', (int)'b', (int)'c'], tokenizer.Encode("abc"));
        Assert.Equal(TinyTokenizer.Tools + 6, tokenizer.VocabularySize);
        string[] tokens = [.. TinyTokenizer.Data.Tokens, "", "", ""];
        TokenKind[] kinds = [.. TinyTokenizer.Data.Kinds, TokenKind.Normal, TokenKind.Control, TokenKind.UserDefined];
        tokenizer = Load(Written(TinyTokenizer.Data with { Tokens = tokens, Kinds = kinds }));
        Assert.Equal([(int)'a', (int)'b', (int)'c'], tokenizer.Encode("abc"));
        Assert.Empty(_warnings);
    }

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public void A_merge_that_comes_twice_counts_once()
    {
        BytePairData data = TinyTokenizer.Data with { Merges = [.. TinyTokenizer.Data.Merges, .. TinyTokenizer.Data.Merges] };
        TinyTokenizer.AssertEqual(TinyTokenizer.Data, Load(Written(data)).Data);
        Assert.Empty(_warnings);
    }

    private const int TinyEnd = 266;

    private BytePairTokenizer Read(JsonObject json)
    {
        File.WriteAllText(_folder["tokenizer.json"], json.ToJsonString());
        return Noted(TokenizerJson.Load(_folder["tokenizer.json"]));
    }

    private BytePairTokenizer Load(GgufMetadata metadata) => Noted(GgufTokenizer.Load(metadata));

    private BytePairTokenizer Noted(Tokenizer tokenizer)
    {
        _warnings = tokenizer.Warnings;
        return (BytePairTokenizer)tokenizer;
    }

    private static GgufMetadata Written(BytePairData data, string? without = null)
    {
        GgufMetadata all = new("test.gguf"), rest = new("test.gguf");
        GgufTokenizer.Write(data, all);
        foreach ((string key, object value) in all)
        {
            if (key != without)
                rest[key] = value;
        }
        return rest;
    }
}
