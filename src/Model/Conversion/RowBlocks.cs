using MeKi.Quant;

namespace MeKi.Model.Conversion;

/// <summary>Encodes one row. Called from several threads.</summary>
/// <param name="row">Which.</param>
/// <param name="values">Room for the row's values, the calling thread's own, not cleared.</param>
/// <param name="encoded">Receives the row's bytes, all of them.</param>
internal delegate void EncodeRow(int row, float[] values, Span<byte> encoded);

/// <summary>Encodes rows a block at a time on several threads and hands the blocks out in order. Holds one block, whatever the table's size.</summary>
internal sealed class RowBlocks
{
    // Encoded at a time: enough for all cores, little against the memory budget.
    private const int BlockBytes = 8 << 20;

    private byte[] _block = [];
    private byte[] _interleaved = [];

    /// <summary>
    /// The most threads that encode: by default every processor, small cores and second hardware threads too, since nobody waits at a barrier for the slowest.
    /// </summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Encodes all rows.</summary>
    /// <param name="rows">How many there are.</param>
    /// <param name="rowBytes">Encoded bytes of each.</param>
    /// <param name="columns">Values of each.</param>
    /// <param name="panels">How eight rows are interleaved; null where they follow each other. Rows are whole panels then.</param>
    /// <param name="encode">Encodes one.</param>
    /// <param name="write">Takes the next whole rows.</param>
    /// <param name="cancellationToken">Stops between rows.</param>
    public void Run(int rows, int rowBytes, int columns, PanelFormat? panels, EncodeRow encode, Action<ReadOnlySpan<byte>> write,
        CancellationToken cancellationToken)
    {
        int rowsPerBlock = Math.Min(Math.Max(BlockBytes / rowBytes / PanelFormat.Rows, 1) * PanelFormat.Rows, rows);
        // Kept between tables: a new one of 8 MB for each of hundreds would let the heap grow until a full collection.
        if (_block.Length < rowsPerBlock * rowBytes)
            _block = GC.AllocateUninitializedArray<byte>(rowsPerBlock * rowBytes);
        ParallelOptions options = new() { CancellationToken = cancellationToken, MaxDegreeOfParallelism = Threads };
        for (int first = 0; first < rows; first += rowsPerBlock)
        {
            int count = Math.Min(rowsPerBlock, rows - first);
            Parallel.For(0, count, options, () => new float[columns], (row, _, values) =>
            {
                encode(first + row, values, _block.AsSpan(row * rowBytes, rowBytes));
                return values;
            }, _ => { });
            write(panels is null ? _block.AsSpan(0, count * rowBytes) : Interleave(panels, count, rowBytes, options));
        }
    }

    private ReadOnlySpan<byte> Interleave(PanelFormat panels, int rows, int rowBytes, ParallelOptions options)
    {
        int panelBytes = PanelFormat.Rows * rowBytes;
        if (_interleaved.Length < rows * rowBytes)
            _interleaved = GC.AllocateUninitializedArray<byte>(_block.Length);
        Parallel.For(0, rows / PanelFormat.Rows, options, panel =>
            panels.PackRows(_block.AsSpan(panel * panelBytes, panelBytes), _interleaved.AsSpan(panel * panelBytes, panelBytes)));
        return _interleaved.AsSpan(0, rows * rowBytes);
    }
}
