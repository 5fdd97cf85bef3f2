using MeKi.Model.Architectures;
using MeKi.Model.Checkpoints;

namespace MeKi.Model.Synthesis;

/// <summary>
/// The sizes of a model to synthesise: those of the released Qwen3 models, with the vocabulary of the MeKi paper, and a small one; and those of Gemma 3, 3n and
/// 4.
/// </summary>
public sealed class SyntheticShape
{
    private const int QwenVocabulary = 151_680;
    private const int QwenContext = 40_960;
    private const int GemmaVocabulary = 262_144;

    // MeKi's models are Qwen3 decoders trained anew, with another base.
    private const float DenseRopeTheta = 1e6f, MeKiRopeTheta = 5e5f;

    private readonly ModelConfig _dense;

    internal SyntheticShape(string name, ModelConfig dense) => (Name, _dense) = (name, dense.Checked(name));

    /// <summary>Every shape, of each family the largest last.</summary>
    public static IReadOnlyList<SyntheticShape> All { get; } =
    [
        new("tiny", Dense(layers: 4, hidden: 256, feedForward: 768, heads: 4, kvHeads: 2, head: 64, vocabulary: 2048, context: 4096)),
        new("qwen3-0.6b", Dense(layers: 28, hidden: 1024, feedForward: 3072, heads: 16, kvHeads: 8, head: 128, QwenVocabulary, QwenContext)),
        new("qwen3-1.7b", Dense(layers: 28, hidden: 2048, feedForward: 6144, heads: 16, kvHeads: 8, head: 128, QwenVocabulary, QwenContext)),
        new("qwen3-4b", Dense(layers: 36, hidden: 2560, feedForward: 9728, heads: 32, kvHeads: 8, head: 128, QwenVocabulary, QwenContext)),
        new("gemma3-1b", Gemma("gemma3", layers: 26, hidden: 1152, kvHeads: 1, context: 32_768, period: 6) with { Heads = 4, FeedForwardSize = 6912 }),
        new("gemma3n-e2b", Gemma3n(layers: 30, sharing: 10, feedForward: 8192)),
        new("gemma3n-e4b", Gemma3n(layers: 35, sharing: 15, feedForward: 16_384)),
        new("gemma4-e2b", Gemma4(layers: 35, hidden: 1536, kvHeads: 1, period: 5, sharing: 20) with
        {
            FeedForwardSize = 12_288,
            FeedForwardSizes = [.. Enumerable.Repeat(6144, 15), .. Enumerable.Repeat(12_288, 20)],
        }),
        new("gemma4-e4b", Gemma4(layers: 42, hidden: 2560, kvHeads: 2, period: 6, sharing: 18) with { FeedForwardSize = 10_240 }),
    ];

    /// <summary>The name as users write it: <c>qwen3-0.6b</c>.</summary>
    public string Name { get; }

    /// <summary>The shape of a name.</summary>
    /// <exception cref="ArgumentException">There is none of that name; the message lists those there are.</exception>
    public static SyntheticShape Of(string name) => All.FirstOrDefault(shape => shape.Name == name)
        ?? throw new ArgumentException($"There is no shape '{name}'; there are {string.Join(", ", All.Select(shape => shape.Name))}.", nameof(name));

    /// <summary>The model's sizes.</summary>
    /// <param name="memoryDimension">m of the MeKi branch; 0 for a dense model.</param>
    /// <exception cref="ArgumentException">The shape's family has no MeKi branch.</exception>
    public ModelConfig Config(int memoryDimension) =>
        memoryDimension == 0 ? _dense
        : _dense.Family != "qwen3" ? throw new ArgumentException($"The shape '{Name}' has no MeKi branch; take one of Qwen3's.", nameof(memoryDimension))
        : (_dense with { Architecture = Architecture.OfGguf("qwen3meki", Name), MemoryDimension = memoryDimension, RopeTheta = MeKiRopeTheta }).Checked(Name);

    private static ModelConfig Dense(int layers, int hidden, int feedForward, int heads, int kvHeads, int head, int vocabulary, int context) =>
        new ModelConfig(Architecture.OfGguf("qwen3", "synthetic"))
    {
        VocabularySize = vocabulary,
        Layers = layers,
        HiddenSize = hidden,
        FeedForwardSize = feedForward,
        Heads = heads,
        KvHeads = kvHeads,
        HeadDimension = head,
        NormEps = 1e-6f,
        RopeTheta = DenseRopeTheta,
        ContextLength = context,
        RotaryDimension = head,
        Present = new HashSet<Role> { Role.QueryNorm, Role.KeyNorm },
    };

    private static ModelConfig Gemma3n(int layers, int sharing, int feedForward) =>
        WithRows(Gemma("gemma3n", layers, hidden: 2048, kvHeads: 2, context: 32_768, period: 5)) with
        {
            FeedForwardSize = feedForward,
            SharingLayers = sharing,
            AttentionScale = 1,
            LogitCap = 30,
            LaurelRank = 64,
            GateCuts = [.. Enumerable.Range(0, layers).Select(layer => layer < 10 ? 1.6448536f : 0)],
            Present = new HashSet<Role> { Role.RowTable, Role.RowProjection, Role.RowProjectionNorm },
        };

    private static ModelConfig Gemma4(int layers, int hidden, int kvHeads, int period, int sharing)
    {
        ModelConfig config = WithRows(Gemma("gemma4", layers, hidden, kvHeads, context: 131_072, period)) with
        {
            HeadDimension = 512,
            RotaryDimension = 512,
            SharingLayers = sharing,
            AttentionScale = 1,
            LogitCap = 30,
            Present = new HashSet<Role> { Role.RowTable, Role.RowProjection, Role.RowProjectionNorm, Role.LayerScale },
            Lacking = Enumerable.Range(layers - sharing, sharing).SelectMany(layer => new[] { (Role.Key, layer), (Role.KeyNorm, layer), (Role.Value, layer) })
                .ToHashSet(),
        };
        config.RopeScaling = ConfigRopeScaling.Proportional(config, 0.25f, 1);
        return config;
    }

    private static ModelConfig WithRows(ModelConfig config) => config with
    {
        MemoryDimension = 256,
        Fusion = Kernels.Fusion.MultiplicativeGelu,
        GateInput = GateInput.Residual,
        Placement = Placement.AfterFeedForward,
    };

    private static ModelConfig Gemma(string family, int layers, int hidden, int kvHeads, int context, int period) =>
        new(Architecture.OfGguf(family, "synthetic"))
        {
            VocabularySize = GemmaVocabulary,
            Layers = layers,
            HiddenSize = hidden,
            Heads = 8,
            KvHeads = kvHeads,
            HeadDimension = 256,
            SlidingHeadDimension = 256,
            NormEps = 1e-6f,
            RopeTheta = 1e6f,
            SlidingRopeTheta = 1e4f,
            Windows = [.. Enumerable.Range(0, layers).Select(layer => layer % period < period - 1 ? 512 : int.MaxValue)],
            ContextLength = context,
            RotaryDimension = 256,
            EmbeddingScale = MathF.Sqrt(hidden),
        };
}
