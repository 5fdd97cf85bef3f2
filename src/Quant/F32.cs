using System.Runtime.InteropServices;

namespace MeKi.Quant;

/// <summary>IEEE 754 single precision: a block is one value of four bytes, little endian. In panels a column's eight values follow each other.</summary>
internal readonly struct F32 : IPanelFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.F32;

    /// <inheritdoc/>
    public static int BlockSize => 1;

    /// <inheritdoc/>
    public static int BlockBytes => sizeof(float);

    /// <inheritdoc/>
    public static float MaxMagnitude => float.MaxValue;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values) => blocks.CopyTo(MemoryMarshal.AsBytes(values));

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, Span<byte> blocks) => MemoryMarshal.AsBytes(values).CopyTo(blocks);

    /// <inheritdoc/>
    public static void PackPanel(ReadOnlySpan<byte> blocks, Span<byte> panel) => blocks.CopyTo(panel);

    /// <inheritdoc/>
    public static void UnpackRow(ReadOnlySpan<byte> panel, int row, Span<byte> block) => panel.Slice(sizeof(float) * row, sizeof(float)).CopyTo(block);
}
