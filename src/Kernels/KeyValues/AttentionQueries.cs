using System.Numerics.Tensors;

namespace MeKi.Kernels.KeyValues;

/// <summary>
/// The queries of some tokens as the kernels want them: the rows that share a KV head together, [KV heads][token][head of the group][columns], scaled by 1 / √D (and by
/// 2^112 for F16 keys), filled up with zeros to whole blocks; for Q8_0 keys in 8-bit blocks, interleaved by fours where there are so many (<see cref="QuantizedActivations"/>).
/// </summary>
internal sealed unsafe class AttentionQueries
{
    private float[] _values = [];
    private sbyte[] _codes = [];
    private float[] _scales = [];
    private float[] _scaledSums = [];
    private int[] _sums = [];
    private int[] _halfSums = [];
    private KeyValueLayout _layout = null!;
    private int _rows;

    /// <summary>1, or 4 where a KV head has at least four rows.</summary>
    public int Interleave { get; private set; }

    /// <summary>Columns of a row.</summary>
    public int Columns => _layout.Columns;

    /// <summary>Makes room.</summary>
    /// <param name="layout">Of the keys.</param>
    /// <param name="rows">Rows of each KV head: tokens times heads of a group.</param>
    public void Reserve(KeyValueLayout layout, int rows)
    {
        (_layout, Interleave) = (layout, rows < QuantizedActivations.TileTokens ? 1 : QuantizedActivations.TileTokens);
        // The kernels compute four rows at a time and read those that are missing.
        _rows = (rows + QuantizedActivations.TileTokens - 1) / QuantizedActivations.TileTokens * QuantizedActivations.TileTokens;
        int all = checked(_rows * layout.KvHeads);
        if (_values.LongLength < (long)all * layout.Columns)
            _values = GC.AllocateArray<float>(checked(all * layout.Columns), pinned: true);
        int blocks = layout.Keys == KeyValueFormat.Q8_0 ? all * layout.Blocks : 0;
        if (_scales.Length >= blocks)
            return;
        _codes = GC.AllocateArray<sbyte>(blocks * KeyValueLayout.BlockColumns, pinned: true);
        (_scales, _scaledSums) = (GC.AllocateArray<float>(blocks, pinned: true), GC.AllocateArray<float>(blocks, pinned: true));
        (_sums, _halfSums) = (GC.AllocateArray<int>(blocks, pinned: true), GC.AllocateArray<int>(2 * blocks, pinned: true));
    }

    /// <summary>Takes over one query.</summary>
    /// <param name="kvHead">The KV head it belongs to.</param>
    /// <param name="row">Its row there.</param>
    /// <param name="query">The query, [head dimension].</param>
    public void Set(int kvHead, int row, ReadOnlySpan<float> query)
    {
        float scale = 1 / MathF.Sqrt(query.Length) * (_layout.Keys == KeyValueFormat.F16 ? AttentionKernels.HalfScale : 1);
        float* x = Row(kvHead, row);
        Span<float> scaled = new(x, Columns);
        TensorPrimitives.Multiply(query, scale, scaled);
        scaled[query.Length..].Clear();
        if (_layout.Keys != KeyValueFormat.Q8_0)
            return;
        QuantizedGroup to = Group(kvHead, row - row % Interleave);
        for (int block = 0; block < _layout.Blocks; block++)
            QuantizedActivations.QuantizeBlock(x + block * KeyValueLayout.BlockColumns, to, row % Interleave, block, Interleave);
    }

    /// <summary>A row's values.</summary>
    public float* Row(int kvHead, int row)
    {
        // The arrays are pinned.
        fixed (float* values = _values)
            return values + (long)(kvHead * _rows + row) * Columns;
    }

    /// <summary>Where the blocks of a row lie, or of the interleaved rows that begin with it.</summary>
    public QuantizedGroup Group(int kvHead, int row)
    {
        int block = (kvHead * _rows + row) * _layout.Blocks;
        fixed (sbyte* codes = _codes)
        fixed (float* scales = _scales, scaledSums = _scaledSums)
        fixed (int* sums = _sums, halfSums = _halfSums)
            return new(codes + (long)block * KeyValueLayout.BlockColumns, scales + block, scaledSums + block, sums + block, halfSums + 2 * block);
    }
}
