using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace MeKi.Quant;

/// <summary>
/// IEEE 754 half precision: a block is one value of two bytes. Encoding rounds to nearest even; magnitudes from 65520 up become infinite. In panels a column's
/// eight values follow each other.
/// </summary>
internal readonly struct F16 : IPanelFormat
{
    /// <summary>The largest finite magnitude.</summary>
    public const float MaxValue = 65504;

    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.F16;

    /// <inheritdoc/>
    public static int BlockSize => 1;

    /// <inheritdoc/>
    public static int BlockBytes => sizeof(ushort);

    /// <inheritdoc/>
    public static float MaxMagnitude => MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values) =>
        TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(blocks), values);

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks) =>
        TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(blocks));

    /// <inheritdoc/>
    public static void PackPanel(ReadOnlySpan<byte> blocks, Span<byte> panel) => blocks.CopyTo(panel);

    /// <inheritdoc/>
    public static void UnpackRow(ReadOnlySpan<byte> panel, int row, Span<byte> block) =>
        MemoryMarshal.Cast<byte, ushort>(panel).Slice(row, 1).CopyTo(MemoryMarshal.Cast<byte, ushort>(block));
}
