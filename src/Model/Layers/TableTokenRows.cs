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
    private static float[]? t_rows;

    private readonly ModelConfig _config;
    private readonly RowProjection _weights;
    private readonly RowTableStore _table;
    private readonly BatchLeases _leases;
    private readonly MatMul _matMul;
    private readonly ParallelLoop _each;
    private readonly ActivationMatrix _embeddings;  // x              [n × d]
    private readonly Layers[] _parts;
    private int[] _tokens = [];                     // the batch
    private int[] _kept = [];                       // which of it go on
    private int[] _places = [];                     // where these stand among them
    private int _count;
    private int _layer;

    public TableTokenRows(ModelConfig config, RowProjection weights, RowTableStore table, ComputePool pool)
    {
        (_config, _weights, _table, _leases) = (config, weights, table, new(table, pool));
        (_matMul, _each) = (new(pool), new(pool));
        _embeddings = new(config.HiddenSize);
        // From the last layer on whose keys and values anybody reads, few of a prompt's tokens are left.
        int m = config.MemoryDimension, border = config.Geometry.Max(layer => layer.KeysFrom);
        int panels = border * m % PanelFormat.Rows == 0 ? border * m / PanelFormat.Rows : 0;
        _parts = panels == 0 ? [new(0, config.Layers, weights.Matrix)] :
        [
            new(0, border, weights.Matrix.Slice(0, panels)),
            new(border, config.Layers, weights.Matrix.Slice(panels, weights.Matrix.Panels - panels)),
        ];
    }

    public override void Prefetch(ReadOnlySpan<int> tokens) => _leases.Prefetch(tokens);

    public override void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        _leases.Begin(tokens, cancellationToken);
        if (_tokens.Length < tokens.Length)
            (_tokens, _kept, _places) = (new int[tokens.Length], new int[tokens.Length], new int[tokens.Length]);
        tokens.CopyTo(_tokens);
        _count = tokens.Length;
        for (int i = 0; i < _count; i++)
            _kept[i] = _places[i] = i;
        foreach (Layers part in _parts)
            part.IsComputed = false;
    }

    public override void Keep(ReadOnlySpan<int> tokens)
    {
        tokens.CopyTo(_kept);
        _count = tokens.Length;
        for (int i = 0; i < _count; i++)
            _places[_kept[i]] = i;
        foreach (Layers part in _parts)
            part.Keep(_kept.AsSpan(0, _count));
    }

    public override void Await(int layer)
    {
        _layer = layer;
        if (PartOf(layer) is { IsComputed: false } part)
            Compute(part);
    }

    public override StoredRow Row(int token)
    {
        Layers part = PartOf(_layer);
        return StoredRow.OfFloats(part.Rows.Row(_places[token]).Slice((_layer - part.First) * _config.MemoryDimension, _config.MemoryDimension));
    }

    public override void Dispose() => _leases.Dispose();

    private Layers PartOf(int layer) => layer < _parts[0].End ? _parts[0] : _parts[1];

    private void Compute(Layers part)
    {
        _embeddings.Reserve(_count);
        _each.Run(_count, new EmbedStep(this));
        _matMul.Run(_count, (_embeddings, part.Matrix, part.Rows));
        _leases.Await();
        _each.Run(_count, new JoinStep(this, part));
        part.IsComputed = true;
    }

    /// <summary>Layers whose rows are computed together.</summary>
    private sealed class Layers(int first, int end, PanelMatrix matrix)
    {
        public int First => first;

        public int End => end;

        public PanelMatrix Matrix => matrix;

        /// <summary>e, [n × layers · m].</summary>
        public ActivationMatrix Rows { get; } = new(matrix.Rows);

        public bool IsComputed { get; set; }

        /// <summary>Moves together what is computed already of tokens that go on.</summary>
        public void Keep(ReadOnlySpan<int> tokens)
        {
            for (int i = 0; IsComputed && i < tokens.Length; i++)
                Rows.Row(tokens[i]).CopyTo(Rows.Row(i));
        }
    }

    private readonly struct EmbedStep(TableTokenRows rows) : ILoopStep
    {
        public void Invoke(int token)
        {
            Span<float> x = rows._embeddings.Row(token);
            rows._weights.Embed(rows._tokens[rows._kept[token]], x);
            TensorPrimitives.Multiply(x, rows._config.EmbeddingScale, x);
        }
    }

    private readonly struct JoinStep(TableTokenRows rows, Layers part) : ILoopStep
    {
        public void Invoke(int token)
        {
            Span<float> computed = part.Rows.Row(token);
            if (t_rows is null || t_rows.Length < computed.Length)
                t_rows = new float[computed.Length];
            Span<float> stored = t_rows.AsSpan(0, computed.Length);
            rows._table.Layout.Decode(rows._leases.Record(rows._kept[token]), part.First, stored);
            TensorPrimitives.Multiply(computed, 1 / MathF.Sqrt(rows._config.HiddenSize), computed);
            RmsNorm.NormalizeHeads(computed, rows._weights.Norm, rows._config.NormEps);
            TensorPrimitives.Multiply(stored, MathF.Sqrt(rows._config.MemoryDimension), stored);
            TensorPrimitives.Add(computed, stored, computed);
            TensorPrimitives.Multiply(computed, MathF.Sqrt(0.5f), computed);
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

    /// <summary>
    /// Those of a model whose rows are folded, and nothing else of it: the embedding's rows are taken where they lie, with the values that a model has which
    /// runs.
    /// </summary>
    public static RowProjection Load(WeightSource source, ComputePool pool)
    {
        ModelConfig config = source.Config;
        WeightMatrix embedding = source.Matrix(config.SpecOf(Role.Embedding), 0);
        BlockFormat packed = PanelMatrix.FormatFor(embedding).Block;
        EmbedToken embed = packed == embedding.Format ? embedding.DecodeRow : (token, values) =>
        {
            embedding.DecodeRow(token, values);
            byte[] row = new byte[packed.RowBytes(embedding.Columns)];
            packed.Encode(values, row);
            packed.Decode(row, values);
        };
        return new(embed, source.Panels(config.SpecOf(Role.RowProjection), 0, pool), source.Vector(config.SpecOf(Role.RowProjectionNorm), 0));
    }
}

/// <summary>Gives a token's embedding.</summary>
internal delegate void EmbedToken(int token, Span<float> embedding);
