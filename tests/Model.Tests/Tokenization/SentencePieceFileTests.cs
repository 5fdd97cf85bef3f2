using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>SentencePiece tokenizers in GGUF and in <c>tokenizer.json</c>.</summary>
public sealed class SentencePieceFileTests : IDisposable
{
    private const string Metaspace = """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private SentencePieceTokenizer Read(JsonNode json)
    {
        File.WriteAllText(_folder["tokenizer.json"], json.ToJsonString());
        return (SentencePieceTokenizer)Tokenizer.Load(_folder["tokenizer.json"]);
    }

    private SentencePieceTokenizer Read(Action<JsonObject> change)
    {
        JsonObject json = TinySentencePiece.Json();
        change(json);
        return Read(json);
    }

    private static SentencePieceTokenizer Load(GgufMetadata metadata) => (SentencePieceTokenizer)GgufTokenizer.Load(metadata);

    private static GgufMetadata Without(GgufMetadata metadata, params string[] keys)
    {
        GgufMetadata other = new("test.gguf");
        foreach ((string key, object value) in metadata)
        {
            if (!keys.Contains(key))
                other[key] = value;
        }
        return other;
    }

    [Fact]
    public void A_gguf_of_llama_reads_with_the_defaults_of_its_kind()
    {
        GgufMetadata metadata = Without(TinySentencePiece.Gguf(), "tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_space_prefix",
            "tokenizer.ggml.unknown_token_id", "tokenizer.ggml.pre");
        SentencePieceTokenizer tokenizer = Load(metadata);
        Assert.Empty(tokenizer.Warnings);
        Assert.Equal((true, SpacePrefix.Always, TinySentencePiece.Unknown), (tokenizer.AddsBos, tokenizer.Data.Prefix, tokenizer.Data.UnknownId));
        Assert.Equal([TinySentencePiece.Bos, TinySentencePiece.Id("▁hello")], tokenizer.Encode("hello"));
        metadata["tokenizer.ggml.add_space_prefix"] = false;
        Assert.Equal(["hello"], TinySentencePiece.Pieces(Load(metadata), "hello"));
        metadata["tokenizer.ggml.remove_extra_whitespaces"] = true;
        Assert.Equal(["hello"], TinySentencePiece.Pieces(Load(metadata), " hello "));
    }

    [Fact]
    public void A_gguf_without_types_has_byte_tokens_all_the_same()
    {
        SentencePieceTokenizer tokenizer = Load(Without(TinySentencePiece.Gguf(), "tokenizer.ggml.token_type"));
        Assert.Equal(TokenKind.Byte, tokenizer.KindOf(TinySentencePiece.FirstByte));
        Assert.Equal("zé\0", tokenizer.Decode(tokenizer.Encode("zé\0")));
    }

    [Fact]
    public void A_gguf_of_gemma_4_merges_by_rank_within_lines()
    {
        GgufMetadata metadata = Gemma4(false);
        SentencePieceTokenizer tokenizer = Load(metadata);
        Assert.True(tokenizer.AddsBos);
        Assert.Equal(["he", "▁", "\n\n\n", "▁hello"], TinySentencePiece.Pieces(tokenizer, "he \n\n\n hello"));
        Assert.Equal(" he ", tokenizer.Decode(tokenizer.Encode(" he ")));
        // Some writers say so in the other key.
        metadata["tokenizer.ggml.model"] = "gpt2";
        metadata["tokenizer.ggml.pre"] = "gemma4";
        Assert.Equal(["\n\n\n"], TinySentencePiece.Pieces(Load(metadata), "\n\n\n"));
    }

    private static GgufMetadata Gemma4(bool addBos)
    {
        SentencePieceData data = TinySentencePiece.Ranked with
        {
            Tokens = [.. TinySentencePiece.Ranked.Tokens, "\n\n\n"],
            Kinds = [.. TinySentencePiece.Ranked.Kinds, TokenKind.Normal],
            Prefix = SpacePrefix.Never,
            SplitPatterns = [SentencePieceData.Lines],
            TakesLineFeedsWhole = true,
        };
        GgufMetadata metadata = TinySentencePiece.Gguf(data);
        Assert.Equal("gemma4", metadata.Get<string>("tokenizer.ggml.model"));
        metadata["tokenizer.ggml.add_bos_token"] = addBos;
        return metadata;
    }

    [Theory]
    [InlineData("tokenizer.ggml.scores", new[] { 1f, 2f }, "scores': has 2 entries for")]
    [InlineData("tokenizer.ggml.scores", "x", "has type String")]
    [InlineData("tokenizer.ggml.model", "t5", "'t5' is not supported. Byte-level BPE")]
    [InlineData("tokenizer.meki.space_prefix", "often", "'often' is not known. Known are never, always, missing, first")]
    [InlineData("tokenizer.meki.merges", new[] { "h nowhere" }, "the token 'nowhere' is not in the vocabulary")]
    [InlineData("tokenizer.meki.merges", new[] { "h e", "he" }, "merge 1, 'he', is not two tokens")]
    public void A_gguf_that_is_wrong_says_where(string key, object value, string expected)
    {
        GgufMetadata metadata = TinySentencePiece.Gguf();
        metadata[key] = value;
        ModelFileException exception = Assert.Throws<ModelFileException>(() => GgufTokenizer.Load(metadata));
        Assert.Equal("test.gguf", exception.Path);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenizer.ggml.scores")]
    [InlineData("tokenizer.ggml.tokens")]
    public void A_gguf_that_lacks_something_says_what(string key)
    {
        ModelFileException exception = Assert.Throws<ModelFileException>(() => GgufTokenizer.Load(Without(TinySentencePiece.Gguf(), key)));
        Assert.Contains($"'{key}': is missing", exception.Message, StringComparison.Ordinal);
        exception = Assert.Throws<ModelFileException>(() => GgufTokenizer.Load(Without(Gemma4(true), "tokenizer.ggml.merges")));
        Assert.Contains("'tokenizer.ggml.merges': is missing", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gguf_of_phi_3_has_turns_that_take_the_space_behind_them()
    {
        GgufMetadata metadata = TinySentencePiece.Gguf();
        metadata["general.name"] = "Phi-3 mini";
        SentencePieceTokenizer tokenizer = Load(metadata);
        Assert.Equal(["<tool>", "▁", "a", "<s>", "▁▁", "a"], TinySentencePiece.Pieces(tokenizer, "<tool> \n a<s> a"));
        Assert.Equal([TinySentencePiece.Eos, TinySentencePiece.Tool], tokenizer.Data.RightStrippingIds);
    }

    [Fact]
    public void Suppressed_tokens_are_told()
    {
        GgufMetadata metadata = TinySentencePiece.Gguf();
        metadata["tokenizer.ggml.suppress_tokens"] = new[] { 5, 7, -1, 100000, 5 };
        Tokenizer tokenizer = GgufTokenizer.Load(metadata);
        Assert.Equal([5, 7], tokenizer.SuppressedIds);
        Assert.Equal(2, tokenizer.Warnings.Count(static warning => warning.Contains("suppress_tokens", StringComparison.Ordinal)));
        GgufMetadata written = new("test.gguf");
        GgufTokenizer.Write(tokenizer.Data, written);
        Assert.Equal([5, 7], GgufTokenizer.Load(written).SuppressedIds);
        File.WriteAllText(_folder["generation_config.json"], """{"suppress_tokens":[3, 4]}""");
        Assert.Equal([3, 4], Read(TinySentencePiece.Json()).SuppressedIds);
    }

    [Fact]
    public void A_json_of_llama_2_reads()
    {
        SentencePieceTokenizer tokenizer = Read(TinySentencePiece.Json());
        Assert.Empty(tokenizer.Warnings);
        Assert.Equal([TinySentencePiece.Bos, TinySentencePiece.Id("▁hello"), TinySentencePiece.FirstByte + 'z'], tokenizer.Encode("helloz"));
        Assert.Equal(["▁", "a", "<tool>", "▁", "a"], TinySentencePiece.Pieces(tokenizer, "a<tool>a"));
        Assert.Equal([TinySentencePiece.Eos], tokenizer.EosIds);
        Assert.Equal((SpacePrefix.Always, true, TinySentencePiece.Unknown), (tokenizer.Data.Prefix, tokenizer.Data.FusesUnknown, tokenizer.Data.UnknownId));
        Prop.ForAll(BytePairTokenizerTests.ValidText(), text => tokenizer.Decode(tokenizer.Encode(text, parseSpecial: false)) == text
            || text.Contains("<tool>", StringComparison.Ordinal)).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(Metaspace, nameof(SpacePrefix.First), false)]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}""", nameof(SpacePrefix.Missing), true)]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":false}""", nameof(SpacePrefix.Never), false)]
    [InlineData("""{"type":"Metaspace","replacement":"▁","add_prefix_space":true}""", nameof(SpacePrefix.Missing), true)]
    [InlineData("""{"type":"Metaspace","replacement":"▁","add_prefix_space":false}""", nameof(SpacePrefix.Never), true)]
    public void A_json_with_metaspace_reads(string stage, string prefix, bool splits)
    {
        SentencePieceData data = Read(json => (json["normalizer"], json["pre_tokenizer"]) = (null, JsonNode.Parse(stage))).Data;
        Assert.Equal((Enum.Parse<SpacePrefix>(prefix), splits), (data.Prefix, data.SplitsWords));
    }

    [Fact]
    public void A_json_of_gemma_reads()
    {
        SentencePieceTokenizer tokenizer = Read(static json =>
        {
            json["normalizer"] = JsonNode.Parse("""{"type":"Replace","pattern":{"String":" "},"content":"▁"}""");
            json["pre_tokenizer"] = JsonNode.Parse("""{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}""");
        });
        Assert.Equal(SpacePrefix.Never, tokenizer.Data.Prefix);
        Assert.Equal(["▁▁", "▁hello", "\n\n", "he"], TinySentencePiece.Pieces(tokenizer, "   hello\n\nhe"));
        // Written, it is of the kind that llama.cpp has for it.
        GgufMetadata written = new("test.gguf");
        GgufTokenizer.Write(tokenizer.Data, written);
        Assert.Equal("gemma4", written.Get<string>("tokenizer.ggml.model"));
        Assert.DoesNotContain(written, static pair => pair.Key.StartsWith("tokenizer.meki.", StringComparison.Ordinal));
        AssertSameIds(tokenizer, Load(written));
    }

    [Fact]
    public void Splits_behind_metaspace_are_kept()
    {
        SentencePieceTokenizer tokenizer = Read(static json => (json["normalizer"], json["pre_tokenizer"]) = (null, JsonNode.Parse(
            $$"""
            {"type":"Sequence","pretokenizers":[{{Metaspace}},{"type":"Digits","individual_digits":true},
             {"type":"Split","pattern":{"Regex":"l"},"behavior":"Isolated"}]}
            """)));
        Assert.Equal([@"\p{N}", "l"], tokenizer.Data.SplitPatterns);
        Assert.Equal(["▁", "he", "l", "l", "o"], TinySentencePiece.Pieces(tokenizer, "hello"));
    }

    [Theory]
    [InlineData("""{"type":"Lowercase"}""", null, "$.normalizer: the normaliser 'Lowercase' is not supported")]
    [InlineData("""{"type":"Prepend","prepend":"x"}""", null, "the normaliser 'Prepend' is not supported with these settings")]
    [InlineData("""{"type":"Replace","pattern":{"String":"a"},"content":"b"}""", null, "the normaliser 'Replace' is not supported with these settings")]
    [InlineData(null, """{"type":"Metaspace","replacement":"_"}""", "$.pre_tokenizer.replacement: '_' is not supported. U+2581 is")]
    [InlineData(null, """{"type":"Metaspace","prepend_scheme":"last"}""", "'last' is not known")]
    [InlineData(null, """{"type":"Whitespace"}""", "the pre-tokenizer 'Whitespace' is not supported here")]
    [InlineData(null, null, "does not replace spaces by U+2581")]
    public void A_json_with_other_stages_is_refused(string? normalizer, string? preTokenizer, string expected)
    {
        ModelFileException exception = Assert.Throws<ModelFileException>(() => Read(json =>
        {
            json["normalizer"] = normalizer is null ? null : JsonNode.Parse(normalizer);
            json["pre_tokenizer"] = preTokenizer is null ? null : JsonNode.Parse(preTokenizer);
        }));
        Assert.Equal(_folder["tokenizer.json"], exception.Path);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_json_that_lacks_a_byte_is_refused()
    {
        ModelFileException exception = Assert.Throws<ModelFileException>(() => Read(static json => json["model"]!["vocab"]!.AsObject().Remove("<0x41>")));
        Assert.Contains("byte tokens: <0x41> is missing", exception.Message, StringComparison.Ordinal);
        // Without byte fallback these are ordinary texts.
        SentencePieceTokenizer tokenizer = Read(static json => json["model"]!["byte_fallback"] = false);
        Assert.Equal(["▁", "<unk>", "a"], TinySentencePiece.Pieces(tokenizer, "zza"));
    }

    [Fact]
    public void An_added_token_takes_the_space_beside_it_where_the_file_says_so()
    {
        SentencePieceTokenizer tokenizer = Read(static json => (json["added_tokens"]![3]!["rstrip"], json["added_tokens"]![3]!["lstrip"]) = (true, true));
        Assert.Equal(["▁", "a", "<tool>", "▁", "a", "<tool>"], TinySentencePiece.Pieces(tokenizer, "a \n<tool>\u3000a <tool> "));
    }

    public static TheoryData<string> Variants => ["llama", "gemma 3", "llama 2 json", "mistral json", "own", "unknown"];

    [Theory]
    [MemberData(nameof(Variants))]
    public void What_is_written_reads_as_the_same(string variant)
    {
        SentencePieceData data = variant switch
        {
            "gemma 3" => TinySentencePiece.Scored with { Prefix = SpacePrefix.Never },
            "llama 2 json" => Read(TinySentencePiece.Json()).Data,
            "mistral json" => Read(static json => (json["normalizer"], json["pre_tokenizer"]) = (null, JsonNode.Parse(Metaspace))).Data,
            "own" => TinySentencePiece.Ranked with
            {
                Prefix = SpacePrefix.Missing,
                SplitsWords = true,
                IgnoreMerges = true,
                FusesUnknown = false,
                SplitPatterns = ["l", @"\p{N}"],
                NormalizeNfc = true,
                RightStrippingIds = [5],
                LeftStrippingIds = [6, 7],
                SuppressedIds = [9],
                AddBos = false,
                EosIds = [5, 2],
            },
            "unknown" => TinySentencePiece.Scored with { UnknownId = 5, RemovesExtraSpaces = true },
            _ => TinySentencePiece.Scored,
        };
        GgufMetadata written = TinySentencePiece.Gguf(data);
        SentencePieceData read = Load(written).Data;
        Assert.Equal(data.Tokens, read.Tokens);
        Assert.Equal(data.Kinds, read.Kinds);
        Assert.Equal(data.Merges, read.Merges);
        Assert.Equal(data.Scores, read.Scores);
        Assert.Equal(data.SplitPatterns, read.SplitPatterns);
        Assert.Equal(data.EosIds, read.EosIds);
        Assert.Equal(data.SuppressedIds, read.SuppressedIds);
        Assert.Equal(data.LeftStrippingIds, read.LeftStrippingIds);
        Assert.Equal(data.RightStrippingIds, read.RightStrippingIds);
        Assert.Equal((data.Prefix, data.SplitsWords, data.IgnoreMerges, data.NormalizeNfc, data.RemovesExtraSpaces, data.TakesLineFeedsWhole),
            (read.Prefix, read.SplitsWords, read.IgnoreMerges, read.NormalizeNfc, read.RemovesExtraSpaces, read.TakesLineFeedsWhole));
        Assert.Equal((data.UnknownId, data.FusesUnknown, data.BosId, data.AddBos), (read.UnknownId, read.FusesUnknown, read.BosId, read.AddBos));
        // Other engines find scores in any case.
        Assert.Equal(data.Tokens.Count, written.Get<float[]>("tokenizer.ggml.scores").Length);
    }

    [Fact]
    public void The_scores_written_for_other_engines_make_the_same_of_most_texts()
    {
        GgufMetadata written = Without(TinySentencePiece.Gguf(TinySentencePiece.Ranked), "tokenizer.meki.merges");
        AssertSameIds(new(TinySentencePiece.Ranked), Load(written));
    }

    private static void AssertSameIds(SentencePieceTokenizer expected, SentencePieceTokenizer actual) => Prop.ForAll(
        Gen.Elements("h", "he", "ll", "o", "hello", " ", "  ", "w", "or", "a", "aa", "\n", "\n\n", "é", "z", "<tool>", "<s>")
            .ArrayOf().Select(string.Concat).ToArbitrary(),
        text => Assert.Equal(expected.Encode(text), actual.Encode(text))).QuickCheckThrowOnFailure();
}
