using MeKi.Kernels.Allocation;
using MeKi.Kernels.Panels;

namespace MeKi.Kernels.Operations;

/// <summary>Float32 activations of some tokens, one row each, in pinned memory that grows to the most rows ever asked for and is reused.</summary>
/// <param name="columns">Values of a row; <see cref="Shape"/> changes them.</param>
internal sealed class ActivationMatrix(int columns = 0)
{
    // Products of floats compute six tokens at a time and read rows that are not there.
    private const int SpareRows = 5;

    private readonly PinnedFloats _values = new();

    /// <summary>Values of a row.</summary>
    public int Columns { get; private set; } = columns;

    /// <summary>The rows in 8-bit blocks, where whoever filled the matrix made them instead of the values: a product takes them as they are.</summary>
    internal QuantizedActivations? Codes { get; set; }

    /// <summary>Gives the rows another width; contents are undefined afterwards. Layers of one model may differ in theirs.</summary>
    public void Shape(int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        Columns = columns;
    }

    /// <summary>Makes room for so many rows; contents are undefined afterwards.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative number.</exception>
    /// <exception cref="OverflowException">More values than an array holds.</exception>
    public unsafe void Reserve(int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        _ = _values.Reserve(((long)rows + SpareRows) * Columns);
    }

    /// <summary>One token's values, [columns].</summary>
    public Span<float> Row(int row) => _values.Slice((long)row * Columns, Columns);

    /// <summary>Copies one token's values, [columns], whichever form they are in.</summary>
    public void ReadRow(int row, Span<float> values)
    {
        if (Codes is { } codes)
            codes.DecodeRow(row, values);
        else
            Row(row).CopyTo(values);
    }

    /// <summary>Consecutive tokens' values, [rows × columns].</summary>
    public Span<float> Rows(int first, int rows) => _values.Slice((long)first * Columns, (long)rows * Columns);
}
