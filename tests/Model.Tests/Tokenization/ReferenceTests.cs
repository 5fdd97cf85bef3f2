using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using MeKi.Model.Gguf;
using MeKi.Model.Tokenization;
using MeKi.Tests;

namespace MeKi.Model.Tests.Tokenization;

/// <summary>Against what llama.cpp and Hugging Face tokenizers give.</summary>
public class ReferenceTests
{
    private const string Separator = "\n__ggml_vocab_test__\n";

    public static TheoryData<string> Vocabularies =>
        ["deepseek-llm", "gemma-4", "gpt-2", "llama-bpe", "llama-spm", "phi-3", "qwen2", "qwen35", "refact", "starcoder"];

    private static Tokenizer Load(string name) => Tokenizer.Load(SharedMaterial.Path($"vocab/{name}.gguf"));

    [SharedTheory("vocab")]
    [MemberData(nameof(Vocabularies))]
    public void Encode_GivesTheIdsOfLlamaCpp(string name)
    {
        Tokenizer tokenizer = Load(name);
        string[] lines = File.ReadAllText(SharedMaterial.Path($"vocab/{name}.gguf.out")).Split('\n')[..^1];
        // Most files end with a separator too, and what follows it is no test.
        string[] texts = File.ReadAllText(SharedMaterial.Path($"vocab/{name}.gguf.inp")).Split(Separator)[..lines.Length];
        for (int i = 0; i < texts.Length; i++)
        {
            int[] ids = tokenizer.Encode(texts[i], addSpecial: false, parseSpecial: false);
            Assert.Equal(lines[i].Trim(), string.Join(' ', ids));
            Assert.Equal(texts[i], tokenizer.Decode(ids));
        }
        Prop.ForAll(UnicodeText(), text =>
            tokenizer.Decode(tokenizer.Encode(text, addSpecial: false, parseSpecial: false)) == text).QuickCheckThrowOnFailure();
    }

    [SharedTheory("vocab")]
    [InlineData("gpt-2")]
    [InlineData("llama-bpe")]
    [InlineData("qwen2")]
    public void ReadOfWrite_GivesTheSameVocabulary(string name)
    {
        var data = (BytePairData)Load(name).Data;
        var metadata = new GgufMetadata("written.gguf");
        GgufTokenizer.Write(data, metadata);
        TinyTokenizer.AssertEqual(data, TinyTokenizer.Read(metadata));
    }

    // No surrogates, no U+2581, which SentencePiece writes for a space, and no planes whose lead bytes some vocabularies lack.
    private static Arbitrary<string> UnicodeText() => Gen.OneOf<int>(
            Gen.Choose(0, 0x7F), Gen.Choose(0x80, 0x7FF), Gen.Choose(0x800, 0xD7FF),
            Gen.Choose(0xE000, 0x2FFFF), Gen.Elements<int>('\n', ' ', 'e', 's', '\'', '1'))
        .Where(static point => point != SentencePieceData.Space)
        .Select(static point => new Rune(point).ToString()).ArrayOf().Select(string.Concat).ToArbitrary();

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
