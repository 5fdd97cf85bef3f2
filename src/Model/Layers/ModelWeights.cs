using MeKi.Kernels;
using MeKi.Model.Adapters;
using MeKi.Model.Architectures;
using MeKi.Model.Checkpoints;

namespace MeKi.Model.Layers;

/// <summary>The weights that stay in memory: in their mapped file where it has panels, else packed at load.</summary>
internal sealed class ModelWeights
{
    private ModelWeights(ModelConfig config, LayerWeights globals, LayerWeights[] layers)
    {
        (Globals, Layers) = (globals, layers);
        Linear head = config.TiedHead ? globals[Role.Embedding] : globals[Role.Head];
        Head = head with { Scale = 1 / config.LogitDivisor, Id = Linear.IdOf(0, Role.Head) };
    }

    /// <summary>What is no layer's.</summary>
    public LayerWeights Globals { get; }

    /// <summary>The layers, [L].</summary>
    public LayerWeights[] Layers { get; }

    /// <summary>E, [V × d].</summary>
    public PanelMatrix Embedding => Globals[Role.Embedding].Weight;

    /// <summary>Weight of the last RMSNorm, [d].</summary>
    public float[] FinalNorm => Globals.Vector(Role.FinalNorm)!;

    /// <summary>The output head, [V × d]; with the embedding's matrix where it is tied.</summary>
    public Linear Head { get; }

    /// <summary>The matrix that an adapter changes; null where nothing is computed with it.</summary>
    public Linear? Find(LoraTarget target) => target.Role == Role.Head ? Head
        : Globals.Find(target.Role) ?? ((uint)target.Layer < (uint)Layers.Length ? Layers[target.Layer].Find(target.Role) : null);

    /// <summary>Every matrix once: the embedding, the layers', the head, what else is no layer's.</summary>
    public IEnumerable<PanelMatrix> Matrices =>
        Layers.SelectMany(layer => layer.Matrices).Prepend(Embedding).Concat(ReferenceEquals(Head.Weight, Embedding) ? [] : [Head.Weight]).Concat(Others);

    /// <summary>Bytes that one token's forward pass reads.</summary>
    public long BytesPerToken => Embedding.RowBytes + Layers.Sum(layer => layer.ByteLength) + sizeof(float) * FinalNorm.Length + Head.Weight.ByteLength
        + Others.Sum(matrix => matrix.ByteLength);

    private IEnumerable<PanelMatrix> Others => Globals.Matrices.Where(matrix => !ReferenceEquals(matrix, Embedding) && !ReferenceEquals(matrix, Head.Weight));

    /// <summary>Loads all that a forward pass uses.</summary>
    /// <param name="source">Where from.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="pool">Packs.</param>
    /// <param name="loaded">Told how many layers are there, and of how many.</param>
    /// <exception cref="ModelFileException">A tensor is missing, or has another shape or an undecodable type.</exception>
    public static ModelWeights Load(WeightSource source, ModelConfig config, ComputePool pool, Action<int, int> loaded)
    {
        LayerWeights globals = LayerWeights.Load(source, config, layer: null, pool);
        LayerWeights[] layers = new LayerWeights[config.Layers];
        for (int layer = 0; layer < layers.Length; layer++)
        {
            loaded(layer, layers.Length);
            layers[layer] = LayerWeights.Load(source, config, layer, pool);
        }
        loaded(layers.Length, layers.Length);
        return new(config, globals, layers);
    }
}

/// <summary>The weights of one layer, or of none, by role. Shapes are [output × input].</summary>
internal sealed class LayerWeights
{
    private readonly Linear?[] _linears = new Linear?[Enum.GetValues<Role>().Length];
    private readonly float[]?[] _vectors = new float[Enum.GetValues<Role>().Length][];
    private readonly TensorSpec[] _specs;

    private LayerWeights(int index, TensorSpec[] specs) => (Index, _specs) = (index, specs);

    /// <summary>Which layer.</summary>
    public int Index { get; }

    public Linear Query => this[Role.Query];

    public Linear Key => this[Role.Key];

    /// <summary>Null where keys are values, too.</summary>
    public Linear? Value => _linears[(int)Role.Value];

    public Linear AttentionOutput => this[Role.AttentionOutput];

    public Linear Gate => this[Role.Gate];

    public Linear Up => this[Role.Up];

    public Linear Down => this[Role.Down];

    public float[] AttentionNorm => _vectors[(int)Role.AttentionNorm]!;

    public float[] FeedForwardNorm => _vectors[(int)Role.FeedForwardNorm]!;

    /// <summary>[D]; null where heads are not normalised.</summary>
    public float[]? QueryNorm => _vectors[(int)Role.QueryNorm];

    /// <summary>Likewise.</summary>
    public float[]? KeyNorm => _vectors[(int)Role.KeyNorm];

    /// <summary>The matrices, in the order of the architecture's table.</summary>
    public IEnumerable<PanelMatrix> Matrices => _specs.Where(spec => spec is { IsVector: false, IsSmall: false }).Select(spec => this[spec.Role].Weight);

    /// <summary>Bytes of all tensors.</summary>
    public long ByteLength => Matrices.Sum(matrix => matrix.ByteLength) + sizeof(float) * _vectors.Sum(vector => vector?.LongLength ?? 0);

    /// <summary>A matrix that the architecture has.</summary>
    public Linear this[Role role] => _linears[(int)role]!;

    /// <summary>A matrix; null where the layer has none.</summary>
    public Linear? Find(Role role) => _linears[(int)role];

    /// <summary>A vector, or a small matrix by its rows; null where the model has none.</summary>
    public float[]? Vector(Role role) => _vectors[(int)role];

    /// <summary>The tensors that a layer has in memory, or with null no layer.</summary>
    public static IEnumerable<TensorSpec> SpecsOf(ModelConfig config, int? layer) =>
        config.Tensors.Where(spec => spec.PerLayer == layer is not null && spec is { OnlyInCheckpoints: false, IsTable: false } && !IsRotary(spec.Role)
            && config.Uses(spec, layer ?? 0));

    public static LayerWeights Load(WeightSource source, ModelConfig config, int? layer, ComputePool pool)
    {
        TensorSpec[] specs = [.. SpecsOf(config, layer)];
        LayerWeights weights = new(layer ?? 0, specs);
        foreach (TensorSpec spec in specs.Where(spec => spec.IsVector))
            weights._vectors[(int)spec.Role] = source.Vector(spec, weights.Index);
        foreach (TensorSpec spec in specs.Where(spec => spec.IsSmall))
            weights._vectors[(int)spec.Role] = source.Values(spec, weights.Index);
        foreach (TensorSpec spec in specs.Where(spec => spec is { IsVector: false, IsSmall: false }))
        {
            float scale = spec.Role is Role.AttentionOutput or Role.Down ? config.ResidualScale : 1;
            weights._linears[(int)spec.Role] = new(source.Panels(spec, weights.Index, pool), weights._vectors[(int)BiasOf(spec.Role)], scale)
            {
                Id = Linear.IdOf(weights.Index, spec.Role),
            };
        }
        return weights;
    }

    // A bias follows its matrix in the list of roles; what follows a matrix without one is no vector.
    private static Role BiasOf(Role role) =>
        role is Role.Query or Role.Key or Role.Value or Role.AttentionOutput or Role.Gate or Role.Up or Role.Down ? role + 1 : Role.Embedding;

    // The configuration holds them.
    private static bool IsRotary(Role role) => role is Role.RotaryDivisors or Role.LongRotaryDivisors or Role.ShortRotaryDivisors;
}
