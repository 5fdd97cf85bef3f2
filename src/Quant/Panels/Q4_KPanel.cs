namespace MeKi.Quant.Panels;

/// <summary>
/// Eight rows of <see cref="Q4_K"/>, 256 columns in eight sub-blocks of 32.
/// <code>
/// byte 0..15       d of rows 0..7, half precision
/// byte 16..31      dmin of rows 0..7, half precision
/// byte 32..127     scales and minima, see PanelScales
/// byte 128..1151   per sub-block four vectors of four-bit codes, as in Q4_0Panel
/// </code>
/// </summary>
internal readonly struct Q4_KPanel : IPanelFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q4_K;

    /// <inheritdoc/>
    public static void Pack(ReadOnlySpan<byte> blocks, Span<byte> panel)
    {
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            ReadOnlySpan<byte> block = blocks.Slice(144 * row, 144);
            Interleave.PlaceHalf(block, panel, row);
            Interleave.PlaceHalf(block[2..], panel[16..], row);
            PanelScales.Pack(block.Slice(4, 12), panel[32..], row);
            for (int sub = 0; sub < 8; sub++)
                Interleave.ScatterNibbles(block.Slice(16 + 32 * (sub / 2), 32), sub % 2 == 1, panel[(128 + 128 * sub)..], row);
        }
    }

    /// <inheritdoc/>
    public static void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        block.Clear();
        Interleave.TakeHalf(panel, row, block);
        Interleave.TakeHalf(panel[16..], row, block[2..]);
        PanelScales.Unpack(panel[32..], row, block.Slice(4, 12));
        for (int sub = 0; sub < 8; sub++)
            Interleave.GatherNibbles(panel[(128 + 128 * sub)..], row, sub % 2 == 1, block.Slice(16 + 32 * (sub / 2), 32));
    }
}
