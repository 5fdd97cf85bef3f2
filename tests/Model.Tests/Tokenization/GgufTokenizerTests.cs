using MeKi.Model.Gguf;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Tokenization;

public class GgufTokenizerTests
{
    private static GgufMetadata Written(BytePairData data)
    {
        var metadata = new GgufMetadata("test.gguf");
        GgufTokenizer.Write(data, metadata);
        return metadata;
    }

    public static TheoryData<string> Variants =>
        ["plain", "bos", "nfc", "own pattern", "own ignore_merges", "llama3", "several ends", "no ends", "no patterns"];

    [Theory]
    [MemberData(nameof(Variants))]
    public void ReadOfWrite_GivesTheSame(string variant)
    {
        var plain = TinyTokenizer.Data;
        var data = variant switch
        {
            "bos" => plain with { BosId = 5, AddBos = true },
            "nfc" => plain with { NormalizeNfc = true },
            "own pattern" => plain with { SplitPatterns = [@"\p{L}+", "x"] },
            "own ignore_merges" => plain with { IgnoreMerges = true },
            "llama3" => plain with { SplitPatterns = SplitNames.Find("llama3")!.Patterns, IgnoreMerges = true, BosId = 5, AddBos = false },
            "several ends" => plain with { EosIds = [5, 2, 9] },
            "no ends" => plain with { EosIds = [] },
            "no patterns" => plain with { SplitPatterns = [] },
            _ => plain,
        };
        TinyTokenizer.AssertEqual(data, TinyTokenizer.Read(Written(data)));
    }

    [Fact]
    public void Write_UsesStandardKeysWhereTheyAreEnough()
    {
        var metadata = Written(TinyTokenizer.Data);
        Assert.Equal("qwen2", metadata.Get<string>("tokenizer.ggml.pre"));
        Assert.DoesNotContain(metadata, static pair => pair.Key.StartsWith("tokenizer.meki.", StringComparison.Ordinal));
        Assert.Equal("meki", Written(TinyTokenizer.Data with { IgnoreMerges = true }).Get<string>("tokenizer.ggml.pre"));
        Assert.Equal("smaug-bpe", Written(TinyTokenizer.Data with { SplitPatterns = SplitNames.Find("llama3")!.Patterns }).Get<string>("tokenizer.ggml.pre"));
    }

    [Fact]
    public void Read_KnowsWhichModelsAddBosByThemselves()
    {
        Assert.True(ReadForeign("llama-bpe").AddBos);
        Assert.True(ReadForeign("llama-bpe").IgnoreMerges);
        Assert.False(ReadForeign("qwen2").AddBos);
        Assert.False(ReadForeign("gpt-2").AddBos);
        Assert.Equal(4, ReadForeign("default").SplitPatterns.Count);
    }

    [Fact]
    public void Read_TakesOtherEndTokensOfForeignFiles()
    {
        var metadata = Written(TinyTokenizer.Data);
        metadata["tokenizer.ggml.eot_token_id"] = 3u;
        Assert.Equal([TinyTokenizer.End, 3], TinyTokenizer.Read(metadata).EosIds);
    }

    [Theory]
    [InlineData("tokenizer.ggml.model", "bert", "'bert' is not supported. Byte-level BPE")]
    [InlineData("tokenizer.ggml.pre", "meki", "tokenizer.meki.split_patterns': is missing")]
    [InlineData("tokenizer.meki.normalizer", "nfkc", "'nfkc' is not known")]
    [InlineData("tokenizer.ggml.tokens", "x", "has type String")]
    [InlineData("tokenizer.ggml.token_type", new[] { 1, 2 }, "has 2 entries")]
    [InlineData("tokenizer.ggml.token_type", new[] { 1, 9 }, "type 9 of token 1")]
    [InlineData("tokenizer.ggml.merges", new[] { "h e", "he" }, "merge 1, 'he'")]
    [InlineData("tokenizer.ggml.merges", new[] { "h nowhere" }, "tokenizer, merge 0 ('h' and 'nowhere'): the token 'nowhere'")]
    public void Read_NamesWhatIsWrong(string key, object value, string expected)
    {
        var metadata = Written(TinyTokenizer.Data);
        metadata[key] = value;
        var exception = Assert.Throws<ModelFileException>(() => TinyTokenizer.Read(metadata));
        Assert.Equal("test.gguf", exception.Path);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    private static BytePairData ReadForeign(string pre)
    {
        var written = Written(TinyTokenizer.Data with { BosId = 5 });
        var foreign = new GgufMetadata("foreign.gguf");
        foreach (var (key, value) in written)
        {
            if (key != "tokenizer.ggml.add_bos_token")
                foreign[key] = value;
        }
        foreign["tokenizer.ggml.pre"] = pre;
        return TinyTokenizer.Read(foreign);
    }
}
