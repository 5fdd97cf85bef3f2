namespace MeKi.Quant;

/// <summary>
/// A block format that products are computed from: eight rows lie interleaved, one block of each, the same bytes as the eight blocks in another order.
/// </summary>
internal interface IPanelFormat : IBlockFormat
{
    /// <summary>Interleaves eight blocks.</summary>
    /// <param name="blocks">The blocks of rows 0 … 7, one after the other.</param>
    /// <param name="panel">Receives the panel block, as many bytes.</param>
    static abstract void PackPanel(ReadOnlySpan<byte> blocks, Span<byte> panel);

    /// <summary>Takes one row's block out of a panel block.</summary>
    /// <param name="panel">The panel block.</param>
    /// <param name="row">The row, 0 … 7.</param>
    /// <param name="block">Receives the block.</param>
    static abstract void UnpackRow(ReadOnlySpan<byte> panel, int row, Span<byte> block);
}
