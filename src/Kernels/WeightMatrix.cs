using MeKi.Quant;

namespace MeKi.Kernels;

/// <summary>
/// A weight matrix [rows × columns] in a block format, seen in memory that somebody else owns and keeps alive (a mapped file).
/// Rows are contiguous within a group; groups lie at a fixed distance, so that the q rows of a stacked qkv matrix are a matrix too, without a copy.
/// </summary>
internal sealed unsafe class WeightMatrix
{
    private readonly byte* _data;
    private readonly long _rowBytes;
    private readonly int _groupRows;
    private readonly long _groupStride;

    /// <summary>A matrix whose rows follow each other.</summary>
    /// <param name="format">Block format of every row.</param>
    /// <param name="rows">Output features.</param>
    /// <param name="columns">Input features: a whole number of blocks.</param>
    /// <param name="data">The first row's first byte; readable for rows × row bytes for as long as the matrix is used.</param>
    /// <exception cref="ArgumentException">A row is not a whole number of blocks.</exception>
    public WeightMatrix(BlockFormat format, int rows, int columns, byte* data)
        : this(format, rows, columns, data, Math.Max(rows, 1), 0)
    {
    }

    private WeightMatrix(BlockFormat format, int rows, int columns, byte* data, int groupRows, long groupStride)
    {
        ArgumentNullException.ThrowIfNull(format);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        (Format, Rows, Columns) = (format, rows, columns);
        (_rowBytes, _groupRows, _groupStride) = (format.RowBytes(columns), groupRows, groupStride);
        _data = data;
    }

    /// <summary>Block format of every row.</summary>
    public BlockFormat Format { get; }

    /// <summary>Output features.</summary>
    public int Rows { get; }

    /// <summary>Input features.</summary>
    public int Columns { get; }

    /// <summary>Bytes of a row.</summary>
    public long RowBytes => _rowBytes;

    /// <summary>Bytes of all rows.</summary>
    public long ByteLength => Rows * _rowBytes;

    /// <summary>The encoded bytes of a row.</summary>
    public ReadOnlySpan<byte> Row(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        return new(_data + row / _groupRows * _groupStride + row % _groupRows * _rowBytes, checked((int)_rowBytes));
    }

    /// <summary>Decodes a row to float32, [columns].</summary>
    public void DecodeRow(int row, Span<float> values) => Format.Decode(Row(row), values);

    /// <summary>
    /// The matrix of the rows <paramref name="first"/> … <paramref name="first"/> + <paramref name="rows"/> − 1 of every run of <paramref name="period"/> rows.
    /// </summary>
    /// <exception cref="ArgumentException">The rows are not a whole number of periods, or this matrix is such a view already.</exception>
    public WeightMatrix Slice(int first, int rows, int period)
    {
        if (_groupRows != Rows || period < 1 || Rows % period != 0 || first < 0 || rows < 0 || rows > period - first)
            throw new ArgumentException($"Rows {first} to {first + rows} of every {period} cannot be taken from {Rows} rows.");
        return new(Format, Rows / period * rows, Columns, _data + first * _rowBytes, rows, period * _rowBytes);
    }

    /// <summary>The matrix of the first rows only: padded vocabularies have rows that no token uses.</summary>
    public WeightMatrix Take(int rows)
    {
        if (_groupRows != Rows || rows < 0 || rows > Rows)
            throw new ArgumentException($"{rows} rows cannot be taken from {Rows} rows.");
        return new(Format, rows, Columns, _data);
    }
}
