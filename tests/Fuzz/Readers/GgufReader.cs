using MeKi.Fuzz.Mutation;
using MeKi.Kernels;
using MeKi.Model;
using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tokenization;

namespace MeKi.Fuzz.Readers;

/// <summary>Models in GGUF: loaded in several ways, or quantised.</summary>
internal sealed class GgufReader : Reader
{
    private readonly TemporaryFolder _folder = new();

    public override string Name => "gguf";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => GgufMutation.Mutate(input, other, random);

    public override void Read(byte[] input, Random random)
    {
        string path = _folder.Add("model.gguf", input);
        int way = random.Next(16);
        if (way == 0)
        {
            Quantize(path, random);
            return;
        }
        LoadOptions options = new()
        {
            Threads = 1,
            CopyWeights = way == 1,
            WithoutMeKi = way != 2,
            KeyFormat = way == 3 ? KvFormat.Q8_0 : KvFormat.F16,
            ValueFormat = way == 4 ? KvFormat.Q8_0 : KvFormat.F32,
        };
        using MeKiModel model = MeKiModel.Load(path, options);
        Walk.Tokens(model);
        if (model.Tokenizer is { } tokenizer)
            Walk.Texts(tokenizer, random);
        _ = model.ChatTemplate;
    }

    protected override void Close() => _folder.Dispose();

    protected override IEnumerable<byte[]> Sound() => TinyModels.Gguf();

    private void Quantize(string path, Random random)
    {
        string output = _folder["out.gguf"];
        try
        {
            Quantizer.Quantize(path, output, Interesting.Pick(random, WeightRecipe.All), requantize: true, panels: random.Next(2) == 0);
            File.Delete(output);
            File.Delete(_folder["out.rows"]);
        }
        finally
        {
            Require(Directory.GetFileSystemEntries(_folder.FullName).Length == 1, "a part of a file is left");
        }
    }
}

/// <summary>Tokenizers in GGUF.</summary>
internal sealed class GgufVocabularyReader : Reader
{
    private readonly TemporaryFolder _folder = new();

    public override string Name => "gguf-vocabulary";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => GgufMutation.Mutate(input, other, random);

    public override void Read(byte[] input, Random random)
    {
        using GgufFile file = GgufFile.Open(_folder.Add("vocabulary.gguf", input));
        Walk.Texts(GgufTokenizer.Load(file.Metadata), random);
    }

    protected override void Close() => _folder.Dispose();

    protected override IEnumerable<byte[]> Sound() => TinyModels.Vocabularies();
}
