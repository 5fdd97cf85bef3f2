using MeKi.Kernels.Allocation;
using MeKi.Quant;

namespace MeKi.Kernels;

/// <summary>
/// A weight matrix [rows × columns] in panels of eight rows, the layout that products are computed from: in memory that somebody else owns and keeps alive (a
/// mapped file), or packed from canonical rows by <see cref="Pack"/>. A last panel with fewer rows is filled up with zeros.
/// </summary>
internal sealed unsafe class PanelMatrix
{
    // Panels that share a packing thread's room for eight rows.
    private const int PackedAtOnce = 16;

    private readonly byte* _data;
    private readonly ArenaPiece? _owned;

    /// <summary>A matrix whose panels lie somewhere already.</summary>
    /// <param name="format">Format of the panels.</param>
    /// <param name="rows">Output features.</param>
    /// <param name="columns">Input features: a whole number of blocks.</param>
    /// <param name="data">The first panel's first byte; readable for <see cref="PanelFormat.PanelsBytes"/> for as long as the matrix is used.</param>
    /// <exception cref="ArgumentException">A row is not a whole number of blocks.</exception>
    public PanelMatrix(PanelFormat format, int rows, int columns, byte* data)
    {
        ArgumentNullException.ThrowIfNull(format);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        (Format, Rows, Columns) = (format, rows, columns);
        _data = data;
        PanelBytes = format.PanelBytes(columns);
    }

    private PanelMatrix(PanelFormat format, int rows, int columns, byte* data, ArenaPiece? owned)
        : this(format, rows, columns, data) => _owned = owned;

    /// <summary>Format of the panels.</summary>
    public PanelFormat Format { get; }

    /// <summary>Output features.</summary>
    public int Rows { get; }

    /// <summary>Input features.</summary>
    public int Columns { get; }

    /// <summary>Bytes of a panel.</summary>
    public long PanelBytes { get; }

    /// <summary>Panels, the last one perhaps filled up.</summary>
    public int Panels => (int)(((long)Rows + PanelFormat.Rows - 1) / PanelFormat.Rows);

    /// <summary>Bytes of a row.</summary>
    public long RowBytes => PanelBytes / PanelFormat.Rows;

    /// <summary>Bytes of all rows, without what fills up the last panel.</summary>
    public long ByteLength => Rows * RowBytes;

    /// <summary>Bytes this object holds itself; 0 where the panels lie in somebody else's memory.</summary>
    public long OwnedBytes => _owned is null ? 0 : Panels * PanelBytes;

    /// <summary>The format of the rows that were packed, where they had to be encoded anew; else null.</summary>
    public GgmlType? ReencodedFrom { get; private init; }

    /// <summary>Whether products meet activations in 8-bit blocks; else as floats.</summary>
    internal bool TakesCodes => Format.Block.BlockSize > 1;

    /// <summary>Blocks of a panel.</summary>
    internal int Blocks => Columns / Format.Block.BlockSize;

    /// <summary>
    /// Packs canonical rows, on all threads. Rows in a format without panels are encoded anew as <see cref="GgmlType.Q8_0"/>, or as <see cref="GgmlType.F16"/>
    /// where they are not whole blocks.
    /// </summary>
    /// <param name="rows">The rows.</param>
    /// <param name="pool">The threads.</param>
    /// <param name="reuse">A packed matrix that is no longer used, whose memory may be taken.</param>
    /// <param name="arena">Where to put the panels: those of one model close together. Without it in memory of their own.</param>
    public static PanelMatrix Pack(WeightMatrix rows, ComputePool pool, PanelMatrix? reuse = null, Arena? arena = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(pool);
        PanelFormat format = FormatFor(rows);
        long bytes = format.PanelsBytes(rows.Rows, rows.Columns);
        ArenaPiece owned = reuse?._owned is { } memory && memory.Length >= bytes ? memory : (arena ?? new(bytes, hugePages: true)).Allocate(bytes);
        PanelMatrix matrix = new(format, rows.Rows, rows.Columns, owned.Address, owned)
        {
            ReencodedFrom = format.Block.Type == rows.Format.Type ? null : rows.Format.Type,
        };
        pool.Run(new PanelPacking(rows, matrix), matrix.Panels, PackedAtOnce);
        return matrix;
    }

    /// <summary>The format <see cref="Pack"/> gives rows.</summary>
    public static PanelFormat FormatFor(WeightMatrix rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return PanelFormat.Find(rows.Format.Type) ?? PanelFormat.Find(rows.Columns % 32 == 0 ? GgmlType.Q8_0 : GgmlType.F16)!;
    }

    /// <summary>Takes a row's canonical blocks out of its panel, <see cref="RowBytes"/> bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public void CopyRow(int row, Span<byte> blocks)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        CopyBlocks(row, 0, Blocks, blocks);
    }

    /// <summary>Decodes a row to float32, [columns].</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public void DecodeRow(int row, Span<float> values)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        int bytes = Format.Block.BlockBytes, columns = Format.Block.BlockSize;
        // 256 columns at a time: the largest block, or 256 / 32 of the smaller ones.
        int blocksAtOnce = Math.Max(1, 256 / columns);
        Span<byte> blocks = stackalloc byte[1024];
        for (int first = 0; first < Blocks; first += blocksAtOnce)
        {
            int count = Math.Min(blocksAtOnce, Blocks - first);
            CopyBlocks(row, first, count, blocks);
            Format.Block.Decode(blocks[..(count * bytes)], values.Slice(first * columns, count * columns));
        }
    }

    /// <summary>Consecutive panels as a matrix of their own, in the same memory.</summary>
    /// <param name="first">The first panel.</param>
    /// <param name="panels">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no such panels.</exception>
    public PanelMatrix Slice(int first, int panels)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)first, (uint)Panels, nameof(first));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)panels, (uint)(Panels - first), nameof(panels));
        int rows = (int)Math.Clamp(Rows - (long)first * PanelFormat.Rows, 0, (long)panels * PanelFormat.Rows);
        return new(Format, rows, Columns, Panel(first), _owned);
    }

    /// <summary>The first byte of a panel.</summary>
    internal byte* Panel(int panel) => _data + panel * PanelBytes;

    private void CopyBlocks(int row, int first, int count, Span<byte> blocks)
    {
        byte* panel = Panel(row / PanelFormat.Rows) + (long)first * Format.BlockBytes;
        int bytes = Format.Block.BlockBytes;
        for (int i = 0; i < count; i++)
            Format.Unpack(new(panel + (long)i * Format.BlockBytes, Format.BlockBytes), row % PanelFormat.Rows, blocks.Slice(i * bytes, bytes));
    }
}
