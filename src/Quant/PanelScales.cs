namespace MeKi.Quant;

/// <summary>
/// The 6-bit scales and minima of eight rows of <see cref="Q4_K"/> or <see cref="Q5_K"/> in 96 bytes, one after the other for vector shifts and masks.
/// Value v of a row is the scale of sub-block v, or the minimum of sub-block v − 8.
/// <code>
/// byte 8·v + r   v &lt; 12: low six bits: value v of row r
///                upper two bits of bytes 8·i + r, 32 + 8·i + r, 64 + 8·i + r, lowest first: value 12 + i of row r, i &lt; 4
/// </code>
/// </summary>
internal static class PanelScales
{
    private const int Plain = SubScales.Bytes;

    /// <summary>Packs a row's values from the canonical twelve bytes.</summary>
    public static void Pack(ReadOnlySpan<byte> canonical, Span<byte> panel, int row)
    {
        for (int v = 0; v < Plain; v++)
        {
            int split = Value(canonical, Plain + v % 4);
            panel[8 * v + row] = (byte)(Value(canonical, v) | ((split >> (2 * (v / 4))) & 3) << 6);
        }
    }

    /// <summary>Restores a row's canonical twelve bytes.</summary>
    public static void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> canonical)
    {
        Span<byte> values = stackalloc byte[2 * SubScales.Count];
        for (int v = 0; v < values.Length; v++)
        {
            values[v] = (byte)(v < Plain ? panel[8 * v + row] & 63
                : panel[8 * (v - 12) + row] >> 6 | panel[8 * (v - 8) + row] >> 6 << 2 | panel[8 * (v - 4) + row] >> 6 << 4);
        }
        SubScales.Pack(values[..SubScales.Count], values[SubScales.Count..], canonical);
    }

    private static int Value(ReadOnlySpan<byte> canonical, int v) =>
        v < SubScales.Count ? SubScales.Scale(canonical, v) : SubScales.Minimum(canonical, v - SubScales.Count);
}
