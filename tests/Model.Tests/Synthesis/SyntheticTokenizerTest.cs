using MeKi.Model.Gguf;
using MeKi.Model.Synthesis;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Tests.Synthesis;

public class SyntheticTokenizerTest
{
    [Theory]
    [InlineData(259)]
    [InlineData(2048)]
    [InlineData(151_680)]
    public void Every_token_is_unique_and_is_what_its_text_encodes_to(int vocabulary)
    {
        BytePairData data = SyntheticTokenizer.Create(vocabulary);
        BytePairTokenizer tokenizer = new(data);
        Assert.Equal(vocabulary, tokenizer.VocabularySize);
        Assert.Equal(vocabulary, data.Tokens.Distinct().Count());
        // Half of the single bytes are no text on their own.
        for (int id = 0; id < vocabulary; id = id == 127 ? 256 : id + 1)
        {
            string text = id >= vocabulary - 3 ? data.Tokens[id] : tokenizer.Decode([id]);
            Assert.Equal([id], tokenizer.Encode(text));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("Hello, world! It's 1984.\r\n\tA bacodu   and zuzozuzozu.")]
    [InlineData("naïve Ελλάδα 漢字 😀 e\u0301")]
    [InlineData(" ba baba bababa babababa bababababa")]
    public void Text_comes_back(string text)
    {
        BytePairTokenizer tokenizer = new(SyntheticTokenizer.Create(151_680));
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
    }

    [Fact]
    public void It_is_written_as_qwen2_without_keys_of_our_own_and_read_back()
    {
        BytePairData data = SyntheticTokenizer.Create(2048);
        GgufMetadata metadata = new("x.gguf");
        GgufTokenizer.Write(data, metadata);
        Assert.Equal("qwen2", metadata.Get<string>("tokenizer.ggml.pre"));
        Assert.DoesNotContain(metadata, pair => pair.Key.StartsWith("tokenizer.meki", StringComparison.Ordinal));
        BytePairData read = (BytePairData)GgufTokenizer.Load(metadata).Data;
        Assert.Equal(data.Tokens, read.Tokens);
        Assert.Equal(data.Kinds, read.Kinds);
        Assert.Equal(data.Merges, read.Merges);
        Assert.Equal(data.SplitPatterns, read.SplitPatterns);
        Assert.Equal([2047, 2045], read.EosIds);
        Assert.Equal((2045, false), (read.BosId, read.AddBos));
        Assert.Equal(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], data.Tokens.TakeLast(3));
    }
}
