using System.Text.Json.Nodes;
using MeKi.Model.Gguf;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

public sealed class TokenizerJsonTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meki-tokenizer-");

    public void Dispose() => _folder.Delete(recursive: true);

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private BytePairData Read(JsonNode json)
    {
        File.WriteAllText(PathOf("tokenizer.json"), json.ToJsonString());
        return TinyTokenizer.Read(PathOf("tokenizer.json"));
    }

    private void AssertFault(string expected, JsonNode json)
    {
        var exception = Assert.Throws<ModelFileException>(() => Read(json));
        Assert.Equal(PathOf("tokenizer.json"), exception.Path);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    private void AssertFault(string expected, Action<JsonObject> spoil)
    {
        var json = TinyTokenizer.Json();
        spoil(json);
        AssertFault(expected, json);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_TakesMergesAsStringsAndAsPairs(bool pairs) =>
        TinyTokenizer.AssertEqual(TinyTokenizer.Data, Read(TinyTokenizer.Json(pairs)));

    [Theory]
    [InlineData("""{"eos_token":"<|end|>"}""")]
    [InlineData("""{"eos_token":{"content":"<|end|>"},"bos_token":null}""")]
    public void Read_TakesTheEndTokenFromTokenizerConfig(string config)
    {
        File.WriteAllText(PathOf("tokenizer_config.json"), config);
        TinyTokenizer.AssertEqual(TinyTokenizer.Data, Read(TinyTokenizer.Json()));
    }

    [Fact]
    public void Read_JoinsTheEndTokensOfAllFiles()
    {
        File.WriteAllText(PathOf("tokenizer_config.json"), """{"eos_token":"<|end|>"}""");
        File.WriteAllText(PathOf("generation_config.json"), """{"eos_token_id":[3, 4]}""");
        File.WriteAllText(PathOf("config.json"), """{"eos_token_id":4, "bos_token_id": 7}""");
        var data = Read(TinyTokenizer.Json());
        Assert.Equal([TinyTokenizer.End, 3, 4], data.EosIds);
        Assert.Equal((7, false), (data.BosId, data.AddBos));
    }

    [Fact]
    public void Read_AddsWellKnownEndTokens_AndGuessesWhereNoneIsDeclared()
    {
        var json = TinyTokenizer.Json();
        json["added_tokens"]![0]!["content"] = "<|im_end|>";
        json["added_tokens"]![1]!["content"] = "<|endoftext|>";
        json["added_tokens"]![1]!["special"] = true;
        Assert.Equal([TinyTokenizer.Tool, TinyTokenizer.End], Read(json).EosIds);
        File.WriteAllText(PathOf("config.json"), """{"eos_token_id":5}""");
        Assert.Equal([5, TinyTokenizer.End, TinyTokenizer.Tool], Read(json).EosIds);
    }

    [Fact]
    public void Read_TakesBosFromTheTemplate_UnlessTheConfigSaysOtherwise()
    {
        var json = TinyTokenizer.Json();
        json["post_processor"] = JsonNode.Parse("""
            {"type":"Sequence","processors":[{"type":"ByteLevel"},
             {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|end|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]}]}
            """);
        var data = Read(json);
        Assert.Equal((TinyTokenizer.End, true), (data.BosId, data.AddBos));
        File.WriteAllText(PathOf("tokenizer_config.json"), """{"add_bos_token":false}""");
        Assert.False(Read(json).AddBos);
        json["post_processor"] = null;
        File.WriteAllText(PathOf("tokenizer_config.json"), """{"add_bos_token":true,"bos_token":"<tool>"}""");
        data = Read(json);
        Assert.Equal((TinyTokenizer.Tool, true), (data.BosId, data.AddBos));
    }

    [Fact]
    public void A_token_that_the_template_appends_stands_behind_texts_that_become_embeddings_and_behind_no_other()
    {
        var json = TinyTokenizer.Json();
        json["post_processor"] = JsonNode.Parse(
            """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"<|end|>","type_id":0}}]}""");
        BytePairData data = Read(json);
        Assert.Equal((null, false, TinyTokenizer.End), (data.BosId, data.AddBos, data.AppendedId));
        Assert.DoesNotContain(TinyTokenizer.End, new BytePairTokenizer(data).Encode("a"));
        GgufMetadata metadata = new("");
        GgufTokenizer.Write(data, metadata);
        Assert.Equal(TinyTokenizer.End, GgufTokenizer.Load(metadata).AppendedId);
    }

    [Fact]
    public void Read_FillsGaps()
    {
        var json = TinyTokenizer.Json();
        json["added_tokens"]![2]!["id"] = TinyTokenizer.Tools + 2;
        File.WriteAllText(PathOf("config.json"), $$"""{"vocab_size":{{TinyTokenizer.Tools + 4}}}""");
        var data = Read(json);
        Assert.Equal([$"[PAD{TinyTokenizer.Tools}]", $"[PAD{TinyTokenizer.Tools + 1}]", "<tool>s", $"[PAD{TinyTokenizer.Tools + 3}]"],
            data.Tokens.Skip(TinyTokenizer.Tools));
        Assert.Equal([TokenKind.Unused, TokenKind.Unused, TokenKind.UserDefined, TokenKind.Unused], data.Kinds.Skip(TinyTokenizer.Tools));
        Assert.Empty(new BytePairTokenizer(data).TokenBytes(TinyTokenizer.Tools).ToArray());
    }

    [Fact]
    public void Read_UnderstandsNormalizersAndPreTokenizers()
    {
        var json = TinyTokenizer.Json();
        json["normalizer"] = JsonNode.Parse("""{"type":"Sequence","normalizers":[{"type":"NFC"}]}""");
        json["pre_tokenizer"] = JsonNode.Parse("""
            {"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},
             {"type":"Split","pattern":{"String":"a.b"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false}]}
            """);
        var data = Read(json);
        Assert.True(data.NormalizeNfc);
        Assert.Equal([@"\p{N}", @"a\.b", SplitNames.Gpt2], data.SplitPatterns);
        json["pre_tokenizer"] = JsonNode.Parse("""{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}""");
        Assert.Empty(Read(json).SplitPatterns);
    }

    [Fact]
    public void MissingFile()
    {
        var exception = Assert.Throws<ModelFileException>(() => TinyTokenizer.Read(PathOf("none.json")));
        Assert.Contains("cannot be read", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TruncatedJson()
    {
        string whole = TinyTokenizer.Json().ToJsonString();
        File.WriteAllText(PathOf("tokenizer.json"), whole[..(whole.Length / 2)]);
        var exception = Assert.Throws<ModelFileException>(() => TinyTokenizer.Read(PathOf("tokenizer.json")));
        Assert.Contains("line 1, byte", exception.Place, StringComparison.Ordinal);
    }

    [Fact]
    public void RootIsNoObject() => AssertFault("$: is not an object", JsonNode.Parse("[]")!);

    [Fact]
    public void NoModel() => AssertFault("$: has no field 'model'", static json => json.Remove("model"));

    [Fact]
    public void NoVocabulary() => AssertFault("$.model: has no field 'vocab'", static json => json["model"]!.AsObject().Remove("vocab"));

    [Fact]
    public void NoMerges() => AssertFault("$.model: has no field 'merges'", static json => json["model"]!.AsObject().Remove("merges"));

    [Fact]
    public void NoPreTokenizer() => AssertFault("has no pre_tokenizer", static json => json.Remove("pre_tokenizer"));

    [Fact]
    public void OtherModel() => AssertFault("$.model.type: 'WordPiece' is not supported", static json => json["model"]!["type"] = "WordPiece");

    [Fact]
    public void TypeIsNoString() => AssertFault("$.model.type: is not a string", static json => json["model"]!["type"] = 7);

    [Fact]
    public void FlagIsNoBoolean() => AssertFault("$.model.ignore_merges: is neither", static json => json["model"]!["ignore_merges"] = "yes");

    [Fact]
    public void Dropout() => AssertFault("$.model.dropout", static json => json["model"]!["dropout"] = 0.1);

    [Fact]
    public void SubwordPrefix() => AssertFault("$.model.continuing_subword_prefix", static json => json["model"]!["continuing_subword_prefix"] = "##");

    [Fact]
    public void NegativeId() => AssertFault("the id '-1' of 'a'", static json => json["model"]!["vocab"]!["a"] = -1);

    [Fact]
    public void WildId() => AssertFault("the id '2000000000' of 'a'", static json => json["model"]!["vocab"]!["a"] = 2_000_000_000);

    [Fact]
    public void FractionalId() => AssertFault("the id '1.5' of 'a'", static json => json["model"]!["vocab"]!["a"] = 1.5);

    [Fact]
    public void DuplicateId() => AssertFault("$.model.vocab: the id 65 of 'new'", static json => json["model"]!["vocab"]!["new"] = 65);

    [Fact]
    public void AddedTokenTakesAnId() => AssertFault("$.added_tokens[0]: the id 65 of '<|end|>'", static json => json["added_tokens"]![0]!["id"] = 65);

    [Fact]
    public void AddedTokenHasANegativeId() => AssertFault("$.added_tokens[1].id: '-5' is not a token id", static json => json["added_tokens"]![1]!["id"] = -5);

    [Fact]
    public void AddedTokenIsAWord() =>
        AssertFault("$.added_tokens[0]: '<|end|>' asks for single_word", static json => json["added_tokens"]![0]!["single_word"] = true);

    [Fact]
    public void AddedTokenStrips()
    {
        var json = TinyTokenizer.Json();
        json["added_tokens"]![0]!["lstrip"] = true;
        json["added_tokens"]![1]!["rstrip"] = true;
        Assert.Equal(['a', TinyTokenizer.End, ' ', 'b', ' ', TinyTokenizer.Tool, 'c'],
            new BytePairTokenizer(Read(json)).Encode("a \n<|end|> b <tool> \nc"));
    }

    [Fact]
    public void MergeOfAnUnknownToken() => AssertFault("merge 10 ('h' and 'nowhere'): the token 'nowhere' is not",
        static json => json["model"]!["merges"]!.AsArray().Add("h nowhere"));

    [Fact]
    public void MergeIntoAnUnknownToken() => AssertFault("merge 10 ('x' and 'y'): the token 'xy' is not",
        static json => json["model"]!["merges"]!.AsArray().Add("x y"));

    [Theory]
    [InlineData("\"hello\"")]
    [InlineData("\" a\"")]
    [InlineData("[\"a\"]")]
    [InlineData("[\"a\",\"a\",\"a\"]")]
    [InlineData("[\"a\",1]")]
    [InlineData("1")]
    public void MalformedMerge(string merge) => AssertFault("$.model.merges[10]", json => json["model"]!["merges"]!.AsArray().Add(JsonNode.Parse(merge)));

    [Fact]
    public void UnknownNormalizer() => AssertFault("$.normalizer.normalizers[1]: the normaliser 'Lowercase'", static json =>
        json["normalizer"] = JsonNode.Parse("""{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]}"""));

    [Fact]
    public void UnknownPreTokenizer() => AssertFault("the pre-tokenizer 'Whitespace'",
        static json => json["pre_tokenizer"]!["pretokenizers"]![0]!["type"] = "Whitespace");

    [Fact]
    public void NotByteLevel() => AssertFault("does not end with ByteLevel", static json => json["pre_tokenizer"]!["pretokenizers"]!.AsArray().RemoveAt(1));

    [Theory]
    [InlineData("Removed")]
    [InlineData("MergedWithNext")]
    public void OtherBehavior(string behavior) => AssertFault($"'{behavior}' is not supported",
        json => json["pre_tokenizer"]!["pretokenizers"]![0]!["behavior"] = behavior);

    [Fact]
    public void PrefixSpace() => AssertFault("add_prefix_space", static json => json["pre_tokenizer"]!["pretokenizers"]![1]!["add_prefix_space"] = true);

    [Fact]
    public void BadPattern() => AssertFault("split pattern 0: the split pattern '[[:alpha:]]'", static json =>
        json["pre_tokenizer"]!["pretokenizers"]![0] = TinyTokenizer.Split("[[:alpha:]]"));

    [Fact]
    public void OtherPostProcessor() => AssertFault("the post-processor 'BertProcessing'",
        static json => json["post_processor"] = JsonNode.Parse("""{"type":"BertProcessing"}"""));

    [Fact]
    public void A_template_that_appends_two_tokens_is_refused() => AssertFault("$.post_processor.single: adds other tokens", static json =>
        json["post_processor"] = JsonNode.Parse(
            """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"<|end|>"}},{"SpecialToken":{"id":"<|end|>"}}]}"""));

    [Fact]
    public void UnknownTokenWhereABytesIsMissing() => AssertFault("$.model: the byte 97 has no token", static json =>
    {
        json["model"]!["unk_token"] = "<|end|>";
        json["model"]!["merges"]!.AsArray().Clear();
        json["model"]!["vocab"]!.AsObject().Remove("a");
    });

    [Fact]
    public void InvalidUnicode()
    {
        File.WriteAllText(PathOf("tokenizer.json"), TinyTokenizer.Json().ToJsonString().Replace("\"hell\"", "\"\\uD800\"", StringComparison.Ordinal));
        Assert.Throws<ModelFileException>(() => TinyTokenizer.Read(PathOf("tokenizer.json")));
    }

    [Theory]
    [InlineData("config.json", """{"eos_token_id":"x"}""", "$.eos_token_id: '\"x\"' is not a token id")]
    [InlineData("config.json", """{"vocab_size":4000000000}""", "$.vocab_size")]
    public void FaultsOfTheOtherFiles_NameThem(string name, string content, string expected)
    {
        File.WriteAllText(PathOf(name), content);
        var exception = Assert.Throws<ModelFileException>(() => Read(TinyTokenizer.Json()));
        Assert.Equal(PathOf(name), exception.Path);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }
}
