using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using MeKi.Quant;

namespace MeKi.Store;

/// <summary>Encodes float32 rows into a record and decodes them from it. The arithmetic of <see cref="RowType"/>.</summary>
public static class RowCodec
{
    /// <summary>Encodes one layer's row into a record that was cleared before; deterministic.</summary>
    /// <param name="layout">The file's layout.</param>
    /// <param name="row">Finite values, [m].</param>
    /// <param name="layer">The layer.</param>
    /// <param name="record">The record's bytes, [record stride].</param>
    public static void Encode(RowFileLayout layout, ReadOnlySpan<float> row, int layer, Span<byte> record)
    {
        Span<byte> target = record.Slice(layout.ScaleBytes + layer * layout.RowStride, layout.RowBytes);
        switch (layout.Type)
        {
            case RowType.F32:
                F32.Encode(row, target);
                break;
            case RowType.F16:
                F16.Encode(row, target);
                break;
            default:
                float scale = Math.Abs(TensorPrimitives.MaxMagnitude(row)) / 127;
                float inverse = scale > 0 ? 1 / scale : 0;
                MemoryMarshal.Write(record[(layer * sizeof(float))..], scale);
                for (int i = 0; i < row.Length; i++)
                    target[i] = (byte)(sbyte)Math.Clamp(MathF.Round(row[i] * inverse), -127, 127);
                break;
        }
    }

    /// <summary>Decodes one layer's row of a record, [m].</summary>
    public static void Decode(RowFileLayout layout, ReadOnlySpan<byte> record, int layer, Span<float> row)
    {
        ReadOnlySpan<byte> source = layout.Row(record, layer);
        switch (layout.Type)
        {
            case RowType.F32:
                F32.Decode(source, row);
                break;
            case RowType.F16:
                F16.Decode(source, row);
                break;
            default:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, sbyte>(source), row);
                TensorPrimitives.Multiply(row, MemoryMarshal.Read<float>(record[(layer * sizeof(float))..]), row);
                break;
        }
    }
}
