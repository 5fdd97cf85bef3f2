using System.Numerics.Tensors;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Panels;

namespace MeKi.Kernels.Attending;

/// <summary>
/// The queries of some tokens as the kernels want them: the rows that share a KV head together, [KV heads][token][head of the group][columns], scaled as scores
/// are (and by 2^112 for F16 keys), filled up with zeros to whole blocks; for Q8_0 keys in 8-bit blocks, interleaved by fours (<see
/// cref="QuantizedActivations"/>).
/// </summary>
internal sealed unsafe class AttentionQueries
{
    private const int Interleave = QuantizedActivations.TileTokens;

    private readonly QuantizedActivations _quantized = new();
    private float[] _values = [];
    private KvLayout _layout = null!;
    private KvStorage _keys = null!;
    private int _rows;
    private float _scale;

    /// <summary>Makes room.</summary>
    /// <param name="layout">Of the keys.</param>
    /// <param name="rows">Rows of each KV head: tokens times heads of a group.</param>
    /// <param name="scale">What scores are multiplied with.</param>
    public void Reserve(KvLayout layout, int rows, float scale)
    {
        _keys = KvStorage.Of(layout.Keys);
        _scale = scale * _keys.Factor;
        (_layout, _rows) = (layout, checked(rows + Interleave - 1) / Interleave * Interleave);
        // The kernels compute up to six rows at a time and read those that are missing.
        int all = checked((_rows * layout.KvHeads) + Interleave);
        if (_values.LongLength < (long)all * layout.Columns)
            _values = GC.AllocateArray<float>(checked(all * layout.Columns), pinned: true);
        if (_keys.QuantizesQueries)
            _quantized.Reserve(all, layout.Columns);
    }

    /// <summary>Takes over one query.</summary>
    /// <param name="kvHead">The KV head it belongs to.</param>
    /// <param name="row">Its row there.</param>
    /// <param name="query">The query, [head dimension].</param>
    public void Set(int kvHead, int row, ReadOnlySpan<float> query)
    {
        float* x = Row(kvHead, row);
        Span<float> scaled = new(x, _layout.Columns);
        TensorPrimitives.Multiply(query, _scale, scaled);
        scaled[query.Length..].Clear();
        if (!_keys.QuantizesQueries)
            return;
        QuantizedRow to = _quantized.Row((kvHead * _rows) + row);
        for (int block = 0; block < _layout.Blocks; block++)
            to.Quantize(block, x + block * KvLayout.BlockColumns);
    }

    /// <summary>A row's values.</summary>
    public float* Row(int kvHead, int row)
    {
        // The array is pinned.
        fixed (float* values = _values)
            return values + (long)((kvHead * _rows) + row) * _layout.Columns;
    }

    /// <summary>Where the blocks of four interleaved rows lie.</summary>
    /// <param name="kvHead">The KV head.</param>
    /// <param name="row">The first of the rows, a multiple of four.</param>
    public QuantizedGroup Group(int kvHead, int row) => _quantized.Group(((kvHead * _rows) + row) / Interleave);
}
