using System.Text;
using System.Text.Json;
using MeKi.Model.Gguf;
using MeKi.Model.Tokenization;
using MeKi.Tests;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>Against what llama.cpp and Hugging Face tokenizers give.</summary>
public class ReferenceTests
{
    private const string Separator = "\n__ggml_vocab_test__\n";

    private static BytePairData ReadVocabulary(string name)
    {
        using var file = GgufFile.Open(SharedMaterial.Path($"vocab/{name}.gguf"));
        return TinyTokenizer.Read(file.Metadata);
    }

    [SharedTheory("vocab")]
    [InlineData("gpt-2")]
    [InlineData("llama-bpe")]
    [InlineData("qwen2")]
    public void Encode_GivesTheIdsOfLlamaCpp(string name)
    {
        var tokenizer = new BytePairTokenizer(ReadVocabulary(name));
        // The file ends with a separator too, and what follows it is no test.
        string[] texts = File.ReadAllText(SharedMaterial.Path($"vocab/{name}.gguf.inp")).Split(Separator)[..^1];
        string[] lines = File.ReadAllText(SharedMaterial.Path($"vocab/{name}.gguf.out")).Split('\n')[..^1];
        Assert.Equal(texts.Length, lines.Length);
        for (int i = 0; i < texts.Length; i++)
        {
            int[] ids = tokenizer.Encode(texts[i], addSpecial: false, parseSpecial: false);
            Assert.Equal(lines[i].Trim(), string.Join(' ', ids));
            Assert.Equal(texts[i], tokenizer.Decode(ids));
        }
    }

    [SharedTheory("vocab")]
    [InlineData("gpt-2")]
    [InlineData("llama-bpe")]
    [InlineData("qwen2")]
    public void ReadOfWrite_GivesTheSameVocabulary(string name)
    {
        var data = ReadVocabulary(name);
        var metadata = new GgufMetadata("written.gguf");
        GgufTokenizer.Write(data, metadata);
        TinyTokenizer.AssertEqual(data, TinyTokenizer.Read(metadata));
    }

    [SharedFact("vocab")]
    public void SentencePiece_IsRefusedClearly()
    {
        var exception = Assert.Throws<ModelFileException>(static () => ReadVocabulary("llama-spm"));
        Assert.Contains("Byte-level BPE", exception.Message, StringComparison.Ordinal);
    }

    [SharedFact("reference/tiny-meki")]
    public void Encode_GivesTheIdsOfTransformers()
    {
        var tokenizer = new BytePairTokenizer(TinyTokenizer.Read(SharedMaterial.Path("reference/tiny-meki/tokenizer.json")));
        using var golden = JsonDocument.Parse(File.ReadAllBytes(SharedMaterial.Path("reference/tiny-meki/golden.json")));
        foreach (var one in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            Assert.Equal(one.GetProperty("prompt_ids").EnumerateArray().Select(static id => id.GetInt32()),
                tokenizer.Encode(one.GetProperty("prompt").GetString()!));
            int[] greedy = [.. one.GetProperty("greedy_ids").EnumerateArray().Select(static id => id.GetInt32())];
            Assert.Equal(one.GetProperty("greedy_text").GetString(), tokenizer.Decode(greedy));
        }
        string text = File.ReadAllText(SharedMaterial.Path("data/tinyshakespeare.txt"), Encoding.UTF8);
        int[] ids = tokenizer.Encode(text);
        Assert.Equal(golden.RootElement.GetProperty("text_nll").GetProperty("tokens_total").GetInt32(), ids.Length);
        Assert.Equal(text, tokenizer.Decode(ids));
        Assert.Equal("<|endoftext|>", tokenizer.Data.Tokens[tokenizer.Data.EosIds[0]]);
    }
}
