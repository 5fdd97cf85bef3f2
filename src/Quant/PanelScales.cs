namespace MeKi.Quant;

/// <summary>
/// Sixteen 6-bit values of each of eight rows in 96 bytes, one after the other for vector shifts and masks: scales and minima of <see cref="Q4_K"/> and
/// <see cref="Q5_K"/>, scales of <see cref="Q3_K"/>.
/// <code>
/// byte 8·v + r   v &lt; 12: low six bits: value v of row r
///                upper two bits of bytes 8·i + r, 32 + 8·i + r, 64 + 8·i + r, lowest first: value 12 + i of row r, i &lt; 4
/// </code>
/// </summary>
internal static class PanelScales
{
    /// <summary>Values of a row.</summary>
    public const int Count = 16;

    private const int Plain = 12;

    /// <summary>Packs a row's values.</summary>
    public static void Pack(ReadOnlySpan<byte> values, Span<byte> panel, int row)
    {
        for (int v = 0; v < Plain; v++)
            panel[PanelFormat.Rows * v + row] = (byte)(values[v] | ((values[Plain + v % 4] >> (2 * (v / 4))) & 3) << 6);
    }

    /// <summary>Restores them.</summary>
    public static void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> values)
    {
        for (int v = 0; v < Count; v++)
        {
            values[v] = (byte)(v < Plain ? panel[8 * v + row] & 63
                : panel[8 * (v - 12) + row] >> 6 | panel[8 * (v - 8) + row] >> 6 << 2 | panel[8 * (v - 4) + row] >> 6 << 4);
        }
    }
}
