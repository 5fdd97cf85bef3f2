namespace MeKi.Quant.Panels;

/// <summary>How eight rows of one block format lie interleaved, one block of each: the same bytes as the eight canonical blocks, in another order.</summary>
internal interface IPanelFormat
{
    /// <summary>The block format of the rows.</summary>
    static abstract GgmlType Type { get; }

    /// <summary>Interleaves eight canonical blocks.</summary>
    /// <param name="blocks">The blocks of rows 0 … 7, one after the other.</param>
    /// <param name="panel">Receives the panel block, as many bytes.</param>
    static abstract void Pack(ReadOnlySpan<byte> blocks, Span<byte> panel);

    /// <summary>Takes one row's canonical block out of a panel block.</summary>
    /// <param name="panel">The panel block.</param>
    /// <param name="row">The row, 0 … 7.</param>
    /// <param name="block">Receives the canonical block.</param>
    static abstract void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> block);
}
