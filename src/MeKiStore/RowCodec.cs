using MeKi.Quant;

namespace MeKi.Store;

/// <summary>Encodes float32 rows into a record and decodes them from it.</summary>
public static class RowCodec
{
    /// <summary>Encodes one layer's row into a record that was cleared before; deterministic.</summary>
    /// <param name="layout">The file's layout.</param>
    /// <param name="row">Finite values, none beyond <see cref="StoredRow.MaxMagnitude"/>, [m].</param>
    /// <param name="layer">The layer.</param>
    /// <param name="record">The record's bytes, [record stride].</param>
    public static void Encode(RowFileLayout layout, ReadOnlySpan<float> row, int layer, Span<byte> record) => StoredRow.Encode(
        layout.Type, row, record.Slice(layout.ScaleBytes + layer * layout.RowStride, layout.RowBytes),
            record.Slice(layer * layout.RowScaleBytes, layout.RowScaleBytes));

    /// <summary>Decodes one layer's row of a record, [m].</summary>
    public static void Decode(RowFileLayout layout, ReadOnlySpan<byte> record, int layer, Span<float> row) => layout.Decode(record, layer, row);
}
