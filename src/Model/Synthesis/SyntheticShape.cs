using MeKi.Model.Architectures;

namespace MeKi.Model.Synthesis;

/// <summary>The sizes of a model to synthesise: those of the released Qwen3 models, with the vocabulary of the MeKi paper, and a small one.</summary>
public sealed class SyntheticShape
{
    private const int QwenVocabulary = 151_680;
    private const int QwenContext = 40_960;

    // MeKi's models are Qwen3 decoders trained anew, with another base.
    private const float DenseRopeTheta = 1e6f, MeKiRopeTheta = 5e5f;

    private readonly ModelConfig _dense;

    private SyntheticShape(string name, ModelConfig dense) => (Name, _dense) = (name, dense);

    /// <summary>Every shape, the largest last.</summary>
    public static IReadOnlyList<SyntheticShape> All { get; } =
    [
        new("tiny", Dense(layers: 4, hidden: 256, feedForward: 768, heads: 4, kvHeads: 2, head: 64, vocabulary: 2048, context: 4096)),
        new("qwen3-0.6b", Dense(layers: 28, hidden: 1024, feedForward: 3072, heads: 16, kvHeads: 8, head: 128, QwenVocabulary, QwenContext)),
        new("qwen3-1.7b", Dense(layers: 28, hidden: 2048, feedForward: 6144, heads: 16, kvHeads: 8, head: 128, QwenVocabulary, QwenContext)),
        new("qwen3-4b", Dense(layers: 36, hidden: 2560, feedForward: 9728, heads: 32, kvHeads: 8, head: 128, QwenVocabulary, QwenContext)),
    ];

    /// <summary>The name as users write it: <c>qwen3-0.6b</c>.</summary>
    public string Name { get; }

    /// <summary>The shape of a name.</summary>
    /// <exception cref="ArgumentException">There is none of that name; the message lists those there are.</exception>
    public static SyntheticShape Of(string name) => All.FirstOrDefault(shape => shape.Name == name)
        ?? throw new ArgumentException($"There is no shape '{name}'; there are {string.Join(", ", All.Select(shape => shape.Name))}.", nameof(name));

    /// <summary>The model's sizes.</summary>
    /// <param name="memoryDimension">m of the MeKi branch; 0 for a dense model.</param>
    public ModelConfig Config(int memoryDimension) =>
        memoryDimension == 0 ? _dense
        : (_dense with { Architecture = Architecture.OfGguf("qwen3meki", Name), MemoryDimension = memoryDimension, RopeTheta = MeKiRopeTheta }).Checked(Name);

    private static ModelConfig Dense(int layers, int hidden, int feedForward, int heads, int kvHeads, int head, int vocabulary, int context) => new ModelConfig(Architecture.OfGguf("qwen3", "synthetic"))
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
    }.Checked("synthetic");
}
