using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Model.Architectures;
using MeKi.Model.Checkpoints;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Layers;

/// <summary>
/// Gemma's per-layer inputs: <c>e[l] = (RMSNorm((W x)[l] / √d) + √m · T[token][l]) / √2</c>, x the scaled embedding, W the projection, T the table,
/// which stays on storage. For text they depend on the token alone.
/// </summary>
internal sealed class TableTokenRows : TokenRows
{
    [ThreadStatic]
    private static float[]? t_row;

    private readonly ModelConfig _config;
    private readonly RowProjection _weights;
    private readonly RowTableStore _table;
    private readonly BatchLeases _leases;
    private readonly MatMul _matMul;
    private readonly ParallelLoop _each;
    private readonly ActivationMatrix _embeddings;  // x              [n × d]
    private readonly ActivationMatrix _rows;        // e              [n × L · m]
    private int[] _tokens = [];
    private int _count;
    private int _layer;
    private bool _isComputed;

    public TableTokenRows(ModelConfig config, RowProjection weights, RowTableStore table, ComputePool pool)
    {
        (_config, _weights, _table, _leases) = (config, weights, table, new(table, pool));
        (_matMul, _each) = (new(pool), new(pool));
        (_embeddings, _rows) = (new(config.HiddenSize), new(config.Layers * config.MemoryDimension));
    }

    public override void Prefetch(ReadOnlySpan<int> tokens) => _leases.Prefetch(tokens);

    public override void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        _leases.Begin(tokens, cancellationToken);
        if (_tokens.Length < tokens.Length)
            _tokens = new int[tokens.Length];
        tokens.CopyTo(_tokens);
        (_count, _isComputed) = (tokens.Length, false);
    }

    public override void Await(int layer)
    {
        _layer = layer;
        if (!_isComputed)
            Compute();
        _isComputed = true;
    }

    public override StoredRow Row(int token) => StoredRow.OfFloats(_rows.Row(token).Slice(_layer * _config.MemoryDimension, _config.MemoryDimension));

    public override void Dispose() => _leases.Dispose();

    private void Compute()
    {
        _embeddings.Reserve(_count);
        _each.Run(_count, new EmbedStep(this));
        _matMul.Run(_count, (_embeddings, _weights.Matrix, _rows));
        _leases.Await();
        _each.Run(_count, new JoinStep(this));
    }

    private readonly struct EmbedStep(TableTokenRows rows) : ILoopStep
    {
        public void Invoke(int token)
        {
            Span<float> x = rows._embeddings.Row(token);
            rows._weights.Embed(rows._tokens[token], x);
            TensorPrimitives.Multiply(x, rows._config.EmbeddingScale, x);
        }
    }

    private readonly struct JoinStep(TableTokenRows rows) : ILoopStep
    {
        public void Invoke(int token)
        {
            int m = rows._config.MemoryDimension;
            Span<float> all = rows._rows.Row(token);
            if (t_row is null || t_row.Length < all.Length)
                t_row = new float[all.Length];
            Span<float> row = t_row.AsSpan(0, all.Length);
            rows._table.Layout.Decode(rows._leases.Record(token), row);
            TensorPrimitives.Multiply(all, 1 / MathF.Sqrt(rows._config.HiddenSize), all);
            RmsNorm.NormalizeHeads(all, rows._weights.Norm, rows._config.NormEps);
            TensorPrimitives.Multiply(row, MathF.Sqrt(m), row);
            TensorPrimitives.Add(all, row, all);
            TensorPrimitives.Multiply(all, MathF.Sqrt(0.5f), all);
        }
    }
}

/// <summary>The weights of <see cref="TableTokenRows"/> that stay in memory.</summary>
/// <param name="Embed">Gives a token's embedding, [d], not scaled.</param>
/// <param name="Matrix">W, [L · m × d].</param>
/// <param name="Norm">Weight of the RMSNorm, [m].</param>
internal sealed record RowProjection(EmbedToken Embed, PanelMatrix Matrix, float[] Norm)
{
    /// <summary>Those of a model that runs.</summary>
    public static RowProjection Of(ModelWeights weights) =>
        new(weights.Embedding.DecodeRow, weights.Globals[Role.RowProjection].Weight, weights.Globals.Vector(Role.RowProjectionNorm)!);

    /// <summary>Those of a model whose rows are folded, and nothing else of it: the embedding's rows are decoded where they lie.</summary>
    public static RowProjection Load(WeightSource source, ComputePool pool)
    {
        ModelConfig config = source.Config;
        WeightMatrix embedding = source.Matrix(config.SpecOf(Role.Embedding), 0);
        return new(embedding.DecodeRow, source.Panels(config.SpecOf(Role.RowProjection), 0, pool), source.Vector(config.SpecOf(Role.RowProjectionNorm), 0));
    }
}

/// <summary>Gives a token's embedding.</summary>
internal delegate void EmbedToken(int token, Span<float> embedding);
