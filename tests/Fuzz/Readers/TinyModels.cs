using MeKi.Model;
using MeKi.Model.Architectures;
using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Synthesis;
using MeKi.Model.Templates;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Tokenization;
using MeKi.Model.Tokenization;
using MeKi.Quant;

namespace MeKi.Fuzz.Readers;

/// <summary>Models of every family, so small that loading and four tokens take a fraction of a millisecond.</summary>
internal static class TinyModels
{
    private const int Layers = 2, Hidden = 32;

    private static readonly IReadOnlyList<WeightRecipe> s_recipes =
        [.. new[] { GgmlType.F32, GgmlType.F16, GgmlType.Q8_0, GgmlType.BF16, GgmlType.Q4_0 }.Select(WeightRecipe.Of)];

    /// <summary>GGUF files of all families, with tokenizers of both kinds.</summary>
    public static IEnumerable<byte[]> Gguf()
    {
        using TemporaryFolder folder = new();
        int next = 0;
        foreach (Architecture family in Architecture.All.Where(family => family.Name != "qwen3meki"))
        {
            WeightRecipe recipe = s_recipes[next % s_recipes.Count];
            string path = SyntheticModel.Write(new SyntheticShape(family.Name, Config(family)), folder[$"{next++}"], new() { WeightType = recipe,
                Threads = 1 }).ModelPath;
            yield return File.ReadAllBytes(path);
            yield return WithTokenizer(path, next % 2 == 0 ? TinySentencePiece.Scored : TinyTokenizer.Data);
        }
        yield return File.ReadAllBytes(SyntheticModel.Write(Wide, folder["k"], new() { WeightType = WeightRecipe.Q4_K_M, Threads = 1 }).ModelPath);
        yield return File.ReadAllBytes(MeKi(folder["m"]).ModelPath);
    }

    /// <summary>A model with the MeKi branch and its rows.</summary>
    public static ConversionResult MeKi(string folder, RowType rows = RowType.Int8) => SyntheticModel.Write(
        new("tiny", Config(Architecture.OfGguf("qwen3", "fuzz"))), folder, new() { MemoryDimension = 16, RowType = rows, WeightType = s_recipes[0],
            Threads = 1 });

    /// <summary>A model that talks, with a SentencePiece or a byte-level tokenizer.</summary>
    public static string Talking(string folder)
    {
        string path = MeKi(folder).ModelPath;
        Rewrite(path, metadata =>
        {
            metadata["tokenizer.chat_template"] = ChatTemplate.ChatMlSource;
        });
        return path;
    }

    /// <summary>Files of nothing but a vocabulary.</summary>
    public static IEnumerable<byte[]> Vocabularies()
    {
        foreach (TokenizerData data in new TokenizerData[] { TinyTokenizer.Data, TinySentencePiece.Scored, TinySentencePiece.Ranked,
            SyntheticTokenizer.Create(400) })
        {
            GgufMetadata metadata = new("vocabulary.gguf") { ["general.architecture"] = "llama" };
            GgufTokenizer.Write(data, metadata);
            using MemoryStream file = new();
            new GgufWriter(metadata, []).WriteTo(file, default);
            yield return file.ToArray();
        }
    }

    public static ModelConfig Config(Architecture family)
    {
        bool gemma = family.Name.StartsWith("gemma", StringComparison.Ordinal), rows = family.Name is "gemma3n" or "gemma4";
        ModelConfig config = new(family)
        {
            VocabularySize = 275,
            Layers = rows ? 3 : Layers,
            HiddenSize = Hidden,
            FeedForwardSize = 64,
            Heads = 4,
            KvHeads = 2,
            HeadDimension = 8,
            RotaryDimension = 8,
            NormEps = 1e-6f,
            RopeTheta = 1e4f,
            ContextLength = 64,
            PairsAreNeighbours = family.Name is "llama" or "granite" or "smollm3",
            Present = family.Name == "qwen3" ? new HashSet<Role> { Role.QueryNorm, Role.KeyNorm, Role.Head } : new HashSet<Role>(),
        };
        if (!gemma)
            return config;
        config = config with
        {
            SlidingHeadDimension = 8,
            SlidingRopeTheta = 1e4f,
            Windows = [.. Enumerable.Range(0, config.Layers).Select(layer => layer < config.Layers - 1 ? 4 : int.MaxValue)],
            EmbeddingScale = MathF.Sqrt(Hidden),
        };
        if (!rows)
            return config;
        config = config with
        {
            MemoryDimension = 32,
            Fusion = Kernels.Fusion.MultiplicativeGelu,
            GateInput = GateInput.Residual,
            Placement = Placement.AfterFeedForward,
            AttentionScale = 1,
            LogitCap = 30,
            Present = new HashSet<Role> { Role.RowTable, Role.RowProjection, Role.RowProjectionNorm },
        };
        return family.Name == "gemma4" ? config with { Present = new HashSet<Role>(config.Present) { Role.LayerScale } }
            : config with { LaurelRank = 8, GateCuts = [.. Enumerable.Repeat(1.6f, config.Layers)] };
    }

    // Blocks of 256 values.
    private static SyntheticShape Wide { get; } = new("wide", Config(Architecture.OfGguf("qwen3", "fuzz")) with
    {
        Layers = 1,
        HiddenSize = 256,
        FeedForwardSize = 256,
        HeadDimension = 64,
        RotaryDimension = 64,
        Present = new HashSet<Role> { Role.QueryNorm, Role.KeyNorm },
    });

    private static byte[] WithTokenizer(string path, TokenizerData data)
    {
        Rewrite(path, metadata =>
        {
            metadata.Drop("tokenizer.");
            GgufTokenizer.Write(data, metadata);
        });
        return File.ReadAllBytes(path);
    }

    private static void Rewrite(string path, Action<GgufMetadata> change)
    {
        using MemoryStream copy = new();
        using (GgufFile file = GgufFile.Open(path))
        {
            change(file.Metadata);
            new GgufWriter(file.Metadata, [.. file.Tensors.Select(tensor => new GgufTensorSource(tensor.Name, tensor.Type, tensor.Dimensions,
                (stream, _) => stream.Write(tensor.File!.Span(tensor.Offset, (int)tensor.ByteLength))))]).WriteTo(copy, default);
        }
        File.WriteAllBytes(path, copy.ToArray());
    }
}
