using MeKi.Kernels;
using MeKi.Model.Files;
using MeKi.Model.Layers;

namespace MeKi.Model.Architectures;

/// <summary>
/// One family of models: what its files tell, which tensors it has, and what a layer computes. Reading and writing files, counting bytes, identities and
/// quantisation follow from the tables; nothing outside this folder knows a family.
/// </summary>
internal abstract class Architecture
{
    /// <summary>Every family that runs.</summary>
    public static IReadOnlyList<Architecture> All { get; } =
    [
        new Llama(), new Qwen2(), new Qwen3(), new Qwen3MeKi(), new SmolLM3(), new Granite(), new Phi3(),
        new Gemma3(), new Gemma3n(), Gemma4.Usual, Gemma4.Unified,
    ];

    /// <summary>The name in GGUF: <c>general.architecture</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The names in <c>config.json</c>: <c>model_type</c>.</summary>
    public abstract IReadOnlyList<string> ModelTypes { get; }

    /// <summary>The table of configuration, in the order of reading: a default may follow from an earlier row.</summary>
    public abstract IReadOnlyList<ConfigKey> Keys { get; }

    /// <summary>The table of tensors, in the order of writing.</summary>
    public abstract IReadOnlyList<TensorSpec> Tensors { get; }

    /// <summary>How the FFN's gate meets its other half.</summary>
    public virtual Fusion Activation => Fusion.MultiplicativeSilu;

    /// <summary>Residual streams beside <see cref="Pass.X"/>.</summary>
    public virtual int SideStreams => 0;

    /// <summary>Whether checkpoints' tables over the vocabulary may have more rows than the vocabulary, which no text uses.</summary>
    public virtual bool PadsVocabulary => false;

    /// <summary>The family whose layers are these without the token-row branch.</summary>
    public virtual Architecture WithoutBranch => this;

    /// <summary>The family that a checkpoint of this one's name really is of.</summary>
    /// <param name="json">Its configuration.</param>
    /// <param name="has">Whether it has a tensor.</param>
    public virtual Architecture Refine(JsonPlace json, Func<TensorSpec, bool> has) => this;

    /// <summary>The shape of a layer.</summary>
    public virtual LayerGeometry Geometry(ModelConfig config, int layer) => new()
    {
        Heads = config.Heads,
        KvHeads = config.KvHeads,
        HeadSize = config.HeadDimension,
        Window = config.Window(layer),
        Rotary = new(config.RotaryDimension, config.RopeTheta, config.RopeScaling, config.PairsAreNeighbours),
        ScoreScale = config.AttentionScale > 0 ? config.AttentionScale : 1 / MathF.Sqrt(config.HeadDimension),
        FeedForward = config.FeedForwardSize,
        KeysFrom = layer,
    };

    /// <summary>Reads which layers see only the last positions from <c>config.json</c>, as <see cref="ModelConfig.Windows"/>.</summary>
    public virtual IReadOnlyList<int> ReadWindows(JsonPlace json, int layers) => [];

    /// <summary>The residual stream before the first layer.</summary>
    public virtual void Enter(Pass p) => p.Embed();

    /// <summary>One layer: what it adds to the residual stream.</summary>
    public abstract void Layer(Pass p, LayerWeights w);

    /// <summary>The residual stream behind the last layer, before its norm.</summary>
    public virtual void Exit(Pass p)
    {
    }

    /// <summary>Whether a tensor of a GGUF file is a table whose rows are read one by one, from storage.</summary>
    public static bool IsTable(string name) => Tables.Any(spec => spec.Gguf.Name == name);

    /// <summary>Likewise in a checkpoint, whose text part may be one of several.</summary>
    public static bool IsTableOfCheckpoint(string name) =>
        Tables.Any(spec => spec.HuggingFace is { } table && name.EndsWith(table.Name["model".Length..], StringComparison.Ordinal));

    private static IEnumerable<TensorSpec> Tables => All.SelectMany(each => each.Tensors).Where(spec => spec.IsTable);

    /// <summary>Finds the family of a GGUF file.</summary>
    /// <exception cref="ModelFileException">It is not one that runs.</exception>
    public static Architecture OfGguf(string name, string path) => All.FirstOrDefault(each => each.Name == name)
        ?? throw Unknown(path, "metadata key 'general.architecture'", name, All.Select(each => each.Name).Distinct());

    /// <summary>Finds the family of a Hugging Face folder.</summary>
    /// <exception cref="ModelFileException">It is not one that runs.</exception>
    public static Architecture OfModelType(string name, string path) => All.FirstOrDefault(each => each.ModelTypes.Contains(name))
        ?? throw Unknown(path, "$.model_type", name, All.SelectMany(each => each.ModelTypes));

    private static ModelFileException Unknown(string path, string place, string name, IEnumerable<string> known) =>
        new(path, place, $"architecture {UntrustedText.Quote(name)} is not known", $"This engine runs {string.Join(", ", known.Select(each => $"'{each}'"))}");
}
