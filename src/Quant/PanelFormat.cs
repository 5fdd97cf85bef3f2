namespace MeKi.Quant;

/// <summary>
/// Panels of one block format, which is what products are computed from. A panel is eight rows; its blocks follow each other as the blocks of a row do.
/// </summary>
internal sealed class PanelFormat
{
    /// <summary>Rows of a panel: the 32-bit lanes of a 256-bit vector.</summary>
    public const int Rows = 8;

    private readonly Packer _pack;
    private readonly Unpacker _unpack;

    private PanelFormat(BlockFormat block, Packer pack, Unpacker unpack) => (Block, _pack, _unpack) = (block, pack, unpack);

    private delegate void Packer(ReadOnlySpan<byte> blocks, Span<byte> panel);

    private delegate void Unpacker(ReadOnlySpan<byte> panel, int row, Span<byte> block);

    /// <summary>Every format that has panels, in order of its GGUF number.</summary>
    public static IReadOnlyList<PanelFormat> All { get; } = [.. BlockFormat.All.Select(format => format.Panels).OfType<PanelFormat>()];

    /// <summary>The block format of the rows.</summary>
    public BlockFormat Block { get; }

    /// <summary>The type of a GGUF tensor whose rows lie in these panels.</summary>
    public GgmlType TensorType => Block.Type + GgmlTypeLayout.PanelIds;

    /// <summary>Bytes of a panel block: eight canonical blocks.</summary>
    public int BlockBytes => Rows * Block.BlockBytes;

    /// <summary>The panels of a block format, or null when it has none and its rows are to be encoded anew as <see cref="GgmlType.Q8_0"/>.</summary>
    public static PanelFormat? Find(GgmlType type) => BlockFormat.Find(type)?.Panels;

    /// <summary>Bytes of the panels of a matrix; a last panel that has fewer rows is filled with zeros.</summary>
    /// <exception cref="ArgumentException">A row is not a whole number of blocks.</exception>
    public long PanelsBytes(int rows, int columns) => ((long)rows + Rows - 1) / Rows * PanelBytes(columns);

    /// <summary>Bytes of one panel.</summary>
    /// <exception cref="ArgumentException">A row is not a whole number of blocks.</exception>
    public long PanelBytes(int columns) => Rows * Block.RowBytes(columns);

    /// <summary>Interleaves eight rows.</summary>
    /// <param name="rows">The rows, one after the other.</param>
    /// <param name="panel">Receives the panel, as many bytes.</param>
    /// <exception cref="ArgumentException">The lengths differ or are not whole blocks.</exception>
    public void PackRows(ReadOnlySpan<byte> rows, Span<byte> panel)
    {
        if (rows.Length != panel.Length || rows.Length % BlockBytes != 0)
            throw new ArgumentException($"{rows.Length} and {panel.Length} bytes are not the same whole number of {Block.Name} panel blocks of {BlockBytes}.");
        int rowBytes = rows.Length / Rows, blockBytes = Block.BlockBytes;
        Span<byte> blocks = stackalloc byte[BlockBytes];
        for (int at = 0; at < rowBytes; at += blockBytes)
        {
            for (int row = 0; row < Rows; row++)
                rows.Slice(row * rowBytes + at, blockBytes).CopyTo(blocks[(row * blockBytes)..]);
            _pack(blocks, panel.Slice(at * Rows, BlockBytes));
        }
    }

    /// <inheritdoc cref="IPanelFormat.PackPanel"/>
    /// <exception cref="ArgumentException">A length is not <see cref="BlockBytes"/>.</exception>
    public void Pack(ReadOnlySpan<byte> blocks, Span<byte> panel)
    {
        CheckLength(blocks.Length, BlockBytes);
        CheckLength(panel.Length, BlockBytes);
        _pack(blocks, panel);
    }

    /// <inheritdoc cref="IPanelFormat.UnpackRow"/>
    /// <exception cref="ArgumentException">A length is not that of a panel block or a block.</exception>
    public void Unpack(ReadOnlySpan<byte> panel, int row, Span<byte> block)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        CheckLength(panel.Length, BlockBytes);
        CheckLength(block.Length, Block.BlockBytes);
        _unpack(panel, row, block);
    }

    /// <summary>The panels of a block format that is being described.</summary>
    internal static PanelFormat Of<T>(BlockFormat block)
        where T : struct, IPanelFormat
        => new(block, T.PackPanel, T.UnpackRow);

    private void CheckLength(int length, int expected)
    {
        if (length != expected)
            throw new ArgumentException($"{length} bytes where a {Block.Name} panel takes {expected}.");
    }
}
