using System.Runtime.InteropServices;

namespace MeKi.Quant.Panels;

/// <summary>Float32 columns of eight rows: <code>byte 4·r   row r's value</code></summary>
internal readonly struct F32Panel : IPanelFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.F32;

    /// <inheritdoc/>
    public static void Pack(ReadOnlySpan<byte> blocks, Span<byte> panel) => blocks.CopyTo(panel);

    /// <inheritdoc/>
    public static void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> block) => panel.Slice(sizeof(float) * row, sizeof(float)).CopyTo(block);
}

/// <summary>Half-precision columns of eight rows: <code>byte 2·r   row r's value</code></summary>
internal readonly struct F16Panel : IPanelFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.F16;

    /// <inheritdoc/>
    public static void Pack(ReadOnlySpan<byte> blocks, Span<byte> panel) => blocks.CopyTo(panel);

    /// <inheritdoc/>
    public static void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> block) => MemoryMarshal.Cast<byte, ushort>(panel).Slice(row, 1).CopyTo(MemoryMarshal.Cast<byte, ushort>(block));
}

/// <summary>Brain-float columns of eight rows: <code>byte 2·r   row r's value</code></summary>
internal readonly struct BF16Panel : IPanelFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.BF16;

    /// <inheritdoc/>
    public static void Pack(ReadOnlySpan<byte> blocks, Span<byte> panel) => blocks.CopyTo(panel);

    /// <inheritdoc/>
    public static void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> block) => F16Panel.Unpack(panel, row, block);
}
