namespace MeKi.Model.Architectures;

/// <summary>A size that follows from a model's configuration, and perhaps from the layer.</summary>
internal delegate int Size(ModelConfig config, int layer);

/// <summary>Rows of a stacked tensor: <paramref name="Rows"/> from <paramref name="First"/> on of every <paramref name="Period"/>.</summary>
internal readonly record struct Stack(int First, int Rows, int Period);

/// <summary>Where a tensor lies in a file; without <paramref name="Part"/> it is the whole tensor of that name.</summary>
internal readonly record struct TensorPlace(string Name, Stack? Part = null);

/// <summary>A tensor's name in one kind of file, after the layer's prefix, and its part of a stacked tensor.</summary>
internal sealed record TensorName(string Name, Func<ModelConfig, int, Stack>? Part = null)
{
    public static implicit operator TensorName(string name) => new(name);

    /// <summary>The place in a file.</summary>
    public TensorPlace In(ModelConfig config, int layer, string prefix) => new(prefix + Name, Part?.Invoke(config, layer));
}

/// <summary>One row of an architecture's table of tensors.</summary>
internal sealed record TensorSpec(Role Role, TensorName Gguf, TensorName? HuggingFace, Size Rows, Size Columns)
{
    /// <summary>The name in the state dict of Megatron's training code; null where none is known.</summary>
    public TensorName? Megatron { get; init; }

    /// <summary>Whether every layer has one.</summary>
    public bool PerLayer { get; init; } = true;

    /// <summary>Whether this is a vector: its rows are 1.</summary>
    public bool IsVector { get; init; }

    /// <summary>Whether files may go without it: in every layer, or in none.</summary>
    public bool Optional { get; init; }

    /// <summary>The optional tensor that it goes with: files have both or none.</summary>
    public Role? With { get; init; }

    /// <summary>Which models have it; null for all.</summary>
    public Func<ModelConfig, bool>? When { get; init; }

    /// <summary>In which layers files may go without it, each layer on its own; null for none.</summary>
    public Func<ModelConfig, int, bool>? Spare { get; init; }

    /// <summary>Whether a row is read for each token, and the whole neither multiplied with nor brought to memory.</summary>
    public bool IsTable { get; init; }

    /// <summary>Whether this is a matrix so small that it is held as floats and quantised by nobody.</summary>
    public bool IsSmall { get; init; }

    /// <summary>Whether a recipe leaves the matrix in half precision: it is small, and much depends on it.</summary>
    public bool StaysPrecise { get; init; }

    /// <summary>Whether the parts of a stacked tensor are, in GGUF, the slices of a third dimension.</summary>
    public bool InSlices { get; init; }

    /// <summary>What checkpoints leave to be added to each value: Gemma's norms are 1 + w.</summary>
    public float CheckpointOffset { get; init; }

    /// <summary>Whether it has a row for each token of the vocabulary.</summary>
    public bool OverVocabulary { get; init; }

    /// <summary>Whether only checkpoints have it: what it says is folded into rows, or into the configuration, when a model is written.</summary>
    public bool OnlyInCheckpoints { get; init; }

    /// <summary>
    /// Whether the rows of each head, in GGUF, are reordered so that rotary pairs are neighbours (llama.cpp's converter does it for <c>llama</c>).
    /// </summary>
    public bool PairsRows { get; init; }

    /// <summary>The name in GGUF.</summary>
    public TensorPlace InGguf(ModelConfig config, int layer) => Gguf.In(config, layer, PerLayer ? $"blk.{layer}." : "");

    /// <summary>The layers that have one; a single 0 for a tensor that is no layer's.</summary>
    public IEnumerable<int> Layers(ModelConfig config) => PerLayer ? Enumerable.Range(0, config.Layers) : [0];
}
