using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Model.Architectures;
using MeKi.Quant;

namespace MeKi.Model.Layers;

/// <summary>
/// Gemma's per-layer inputs: <c>e[l] = (RMSNorm((W x)[l] / √d) + √m · T[token][l]) / √2</c>, x the scaled embedding, W the projection, T the table. For text they
/// depend on the token alone.
/// </summary>
internal sealed class TableTokenRows : TokenRows
{
    [ThreadStatic]
    private static float[]? t_row;

    private readonly ModelConfig _config;
    private readonly ModelWeights _weights;
    private readonly TokenTable _table;
    private readonly MatMul _matMul;
    private readonly ParallelLoop _each;
    private readonly ActivationMatrix _embeddings;  // x              [n × d]
    private readonly ActivationMatrix _rows;        // e              [n × L · m]
    private int[] _tokens = [];
    private int _count;
    private int _layer;
    private bool _isComputed;

    public TableTokenRows(ModelConfig config, ModelWeights weights, TokenTable table, ComputePool pool)
    {
        (_config, _weights, _table, _matMul, _each) = (config, weights, table, new(pool), new(pool));
        (_embeddings, _rows) = (new(config.HiddenSize), new(config.Layers * config.MemoryDimension));
    }

    public override void Prefetch(ReadOnlySpan<int> tokens) => _table.Prefetch(tokens);

    public override void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        _table.Begin(tokens, cancellationToken);
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

    public override void Dispose() => _table.Dispose();

    private void Compute()
    {
        _embeddings.Reserve(_count);
        _each.Run(_count, new EmbedStep(this));
        _matMul.Run(_count, (_embeddings, _weights.Globals[Role.RowProjection].Weight, _rows));
        _table.Await();
        _each.Run(_count, new JoinStep(this));
    }

    private readonly struct EmbedStep(TableTokenRows rows) : ILoopStep
    {
        public void Invoke(int token)
        {
            Span<float> x = rows._embeddings.Row(token);
            rows._weights.Embedding.DecodeRow(rows._tokens[token], x);
            TensorPrimitives.Multiply(x, rows._config.EmbeddingScale, x);
        }
    }

    private readonly struct JoinStep(TableTokenRows rows) : ILoopStep
    {
        public void Invoke(int token)
        {
            int m = rows._config.MemoryDimension;
            float[] norm = rows._weights.Globals.Vector(Role.RowProjectionNorm)!;
            Span<float> all = rows._rows.Row(token);
            if (t_row is null || t_row.Length < all.Length)
                t_row = new float[all.Length];
            Span<float> row = t_row.AsSpan(0, all.Length);
            rows._table.Format.Decode(rows._table.Row(token), row);
            TensorPrimitives.Multiply(all, 1 / MathF.Sqrt(rows._config.HiddenSize), all);
            RmsNorm.NormalizeHeads(all, norm, rows._config.NormEps);
            TensorPrimitives.Multiply(row, MathF.Sqrt(m), row);
            TensorPrimitives.Add(all, row, all);
            TensorPrimitives.Multiply(all, MathF.Sqrt(0.5f), all);
        }
    }
}
