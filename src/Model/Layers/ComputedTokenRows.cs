using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Model.Architectures;
using MeKi.Model.Checkpoints;
using MeKi.Quant;

namespace MeKi.Model.Layers;

/// <summary>
/// Rows of a checkpoint as it was trained (equations 2 and 3): <c>e = alpha · RMSNorm(M[x] + beta · G(E[x]))</c>,
/// <c>G(E) = W_down(SiLU(W_gate E) ⊙ W_up E)</c>, where the released Megatron code feeds G with RMSNorm(E). Static-only models have no G (15), dynamic-only
/// ones no M (16). Run for each token it is the unfolded model; run once over the vocabulary it is the fold (9, 10).
/// </summary>
internal sealed class ComputedTokenRows : TokenRows
{
    private readonly ComputePool _pool;
    private readonly ModelConfig _config;
    private readonly WeightMatrix _wordEmbedding;
    private readonly TrainingFormLayer[] _layers;
    private readonly MatMul _matMul;
    private readonly ActivationMatrix _embeddings;  // E[x]              [n × d]
    private readonly ActivationMatrix _normalized;  // RMSNorm(E[x])     [n × d]
    private readonly ActivationMatrix _gate;        //                   [n × d/2]
    private readonly ActivationMatrix _up;          //                   [n × d/2]
    private readonly RowFusion _inner;              // up ⊙ SiLU(gate)   [n × d/2]
    private readonly ActivationMatrix _dynamic;     // G(E[x])           [n × m]
    private readonly ActivationMatrix _experts;     // e                 [n × m]
    private int[] _tokens = [];
    private int _count;
    private ProjectionPanels? _packed;

    public ComputedTokenRows(ModelConfig config, WeightMatrix wordEmbedding, TrainingFormLayer[] layers, ComputePool pool)
    {
        (_config, _wordEmbedding, _layers, _pool) = (config, wordEmbedding, layers, pool);
        _matMul = new(pool);
        int inner = layers.Max(layer => layer.Projection?.Gate.Rows ?? 0);
        (_embeddings, _normalized, _dynamic) = (new(config.HiddenSize), new(config.HiddenSize), new(config.MemoryDimension));
        _experts = new(config.MemoryDimension);
        (_gate, _up, _inner) = (new(inner), new(inner), new(Fusion.MultiplicativeSilu));
    }

    public override void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        if (_tokens.Length < tokens.Length)
            _tokens = new int[tokens.Length];
        tokens.CopyTo(_tokens);
        _count = tokens.Length;
        _embeddings.Reserve(tokens.Length);
        for (int i = 0; i < tokens.Length; i++)
            _wordEmbedding.DecodeRow(tokens[i], _embeddings.Row(i));
    }

    public override StoredRow Row(int token) => StoredRow.OfFloats(_experts.Row(token));

    public override void Await(int layer)
    {
        int n = _count;
        TrainingFormLayer w = _layers[layer];
        _experts.Reserve(n);
        if (w.Projection is { } projection)
            Project(projection, n);
        for (int i = 0; i < n; i++)
        {
            Span<float> e = _experts.Row(i);
            if (w.Memory is null)
                e.Clear();
            else
                w.Memory.DecodeRow(_tokens[i], e);
            if (w.Projection is not null)
            {
                TensorPrimitives.Multiply(_dynamic.Row(i), w.Beta, _dynamic.Row(i));
                TensorPrimitives.Add(e, _dynamic.Row(i), e);
            }
            RmsNorm.Normalize(e, w.MixNorm, _config.NormEps, e);
            TensorPrimitives.Multiply(e, w.Alpha, e);
        }
    }

    public override void Dispose()
    {
        // Buffers are the collector's.
    }

    /// <summary>dyn = G(E[x]) (2)</summary>
    private void Project(ProjectionWeights projection, int n)
    {
        ActivationMatrix input = _embeddings;
        if (projection.Norm is not null)
        {
            RmsNorm.Normalize(_embeddings, n, projection.Norm, _config.NormEps, _normalized);
            input = _normalized;
        }
        ProjectionPanels panels = projection.Panels ?? (_packed = projection.Pack(_pool, _packed));
        _matMul.Run(n, (input, panels.Gate, _gate), (input, panels.Up, _up));
        _inner.Reserve(n, panels.Down);
        for (int part = 0; part < _inner.Parts; part++)
            _inner.FusePart(part, _up, _gate);
        _matMul.Run(n, (_inner.Fused, panels.Down, _dynamic));
    }
}

/// <summary>One layer's training-form weights.</summary>
/// <param name="Memory">M, [V × m]; null in a dynamic-only model.</param>
/// <param name="Projection">G; null in a static-only model.</param>
/// <param name="Alpha">The scalar alpha.</param>
/// <param name="Beta">The scalar beta.</param>
/// <param name="MixNorm">Weight of the RMSNorm (3), [m].</param>
internal sealed record TrainingFormLayer(WeightMatrix? Memory, ProjectionWeights? Projection, float Alpha, float Beta, float[] MixNorm)
{
    /// <summary>Every layer's weights, or null where the source is folded or has no branch.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="pool">Packs the projections once and for all, to run the model; null where each is to be packed as it is used, to fold it in little
    /// memory.</param>
    public static TrainingFormLayer[]? Load(WeightSource source, ModelConfig config, ComputePool? pool)
    {
        if (!IsIn(source, config))
            return null;
        return [.. Enumerable.Range(0, config.Layers).Select(layer => LoadLayer(source, config, layer, pool))];
    }

    /// <summary>Whether the source has them.</summary>
    public static bool IsIn(WeightSource source, ModelConfig config) =>
        config.HasMeKi && config.Architecture.Tensors.Any(spec => spec.Role == Role.MixNorm) && source.Has(Spec(config, Role.MixNorm), 0);

    private static TrainingFormLayer LoadLayer(WeightSource source, ModelConfig config, int layer, ComputePool? pool)
    {
        WeightMatrix? memory = Find(Role.Memory);
        ProjectionWeights? projection = Find(Role.ProjectionDown) is not { } down ? null
            : new(Matrix(Role.ProjectionGate), Matrix(Role.ProjectionUp), down, Find(Role.ProjectionNorm) is null ? null : Vector(Role.ProjectionNorm));
        if (memory is null && projection is null)
        {
            throw new ModelFileException(source.Path, $"layer {layer}", "has neither a memory table nor a projection",
                $"Give '{source.NameOf(Spec(config, Role.Memory), layer)}', '{source.NameOf(Spec(config, Role.ProjectionDown), layer)}' or both");
        }
        if (pool is not null && projection is not null)
            projection = projection with { Panels = projection.Pack(pool, null) };
        float beta = projection is null ? 0 : Vector(Role.Beta)[0];
        return new(memory, projection, Vector(Role.Alpha)[0], beta, Vector(Role.MixNorm));

        WeightMatrix? Find(Role role) => source.Has(Spec(config, role), layer) ? Matrix(role) : null;

        WeightMatrix Matrix(Role role) => source.Matrix(Spec(config, role), layer);

        float[] Vector(Role role) => source.Vector(Spec(config, role), layer);
    }

    private static TensorSpec Spec(ModelConfig config, Role role) => config.Architecture.Tensors.First(spec => spec.Role == role);
}

/// <summary>The SwiGLU MLP G (2): d → d/2 → m.</summary>
/// <param name="Gate">[d/2 × d].</param>
/// <param name="Up">[d/2 × d].</param>
/// <param name="Down">[m × d/2].</param>
/// <param name="Norm">Weight of the RMSNorm on its input, [d]; null where the model has none.</param>
internal sealed record ProjectionWeights(WeightMatrix Gate, WeightMatrix Up, WeightMatrix Down, float[]? Norm)
{
    /// <summary>The matrices in panels; null where they are packed as they are used.</summary>
    public ProjectionPanels? Panels { get; init; }

    /// <summary>Packs the matrices.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="reuse">Panels no longer used, whose memory is taken.</param>
    public ProjectionPanels Pack(ComputePool pool, ProjectionPanels? reuse) =>
        new(PanelMatrix.Pack(Gate, pool, reuse?.Gate), PanelMatrix.Pack(Up, pool, reuse?.Up), PanelMatrix.Pack(Down, pool, reuse?.Down));
}

/// <summary>The matrices of <see cref="ProjectionWeights"/> in panels.</summary>
internal sealed record ProjectionPanels(PanelMatrix Gate, PanelMatrix Up, PanelMatrix Down)
{
    public IEnumerable<PanelMatrix> Matrices => [Gate, Up, Down];
}
