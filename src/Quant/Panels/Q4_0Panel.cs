namespace MeKi.Quant.Panels;

/// <summary>
/// Eight rows of Q4_0, 32 columns.
/// <code>
/// byte 0..15     d of rows 0..7, half precision
/// byte 16..143 four vectors of 32 bytes: vector c holds columns 4·c .. 4·c + 3 in the low halves and columns 16 + 4·c .. in the high halves, four bytes of
/// each row
/// </code>
/// </summary>
internal readonly struct Q4_0Panel : IPanelFormat
{
    /// <inheritdoc/>
    public static GgmlType Type => GgmlType.Q4_0;

    /// <inheritdoc/>
    public static void Pack(ReadOnlySpan<byte> blocks, Span<byte> panel)
    {
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            // A canonical block pairs column i with column i + 16 as well.
            ReadOnlySpan<byte> block = blocks.Slice(18 * row, 18);
            Interleave.PlaceHalf(block, panel, row);
            Interleave.Scatter(block[2..], panel[16..], row);
        }
    }

    /// <inheritdoc/>
    public static void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        Interleave.TakeHalf(panel, row, block);
        Interleave.Gather(panel[16..], row, block[2..]);
    }
}
