using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Model.Files;
using MeKi.Quant;

namespace MeKi.Model.Adapters;

/// <summary>
/// One side of a low-rank product, [rows × columns], in the type that its file has. Adapters share a side where they refer to the same object. Those that lie
/// in a file are valid as long as their <see cref="LoraFile"/> is open.
/// </summary>
internal sealed unsafe class LoraFactor
{
    private readonly WeightMatrix _values;

    // Pinned; the matrix points into it.
    private readonly byte[]? _owned;

    /// <summary>A side that lies in a file.</summary>
    /// <param name="format">Of its rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns: a whole number of blocks.</param>
    /// <param name="file">The file.</param>
    /// <param name="offset">Its first byte there.</param>
    /// <param name="name">What the file calls it.</param>
    public LoraFactor(BlockFormat format, int rows, int columns, MappedFile file, long offset, string name)
        : this(new WeightMatrix(format, rows, columns, file.Pointer + offset), null, file.Path, name)
    {
    }

    /// <summary>A side in memory, as float32.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="values">[rows × columns].</param>
    public LoraFactor(int rows, int columns, ReadOnlySpan<float> values)
        : this(rows, columns, values, "", "")
    {
    }

    private LoraFactor(WeightMatrix values, byte[]? owned, string path, string name) => (_values, _owned, Path, Name) = (values, owned, path, name);

    private LoraFactor(int rows, int columns, ReadOnlySpan<float> values, string path, string name)
    {
        if (values.Length != (long)rows * columns)
            throw new ArgumentException($"{values.Length} values are not [{rows} × {columns}].", nameof(values));
        _owned = Allocate(sizeof(float) * (long)values.Length);
        System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).CopyTo(_owned);
        (_values, Path, Name) = (Matrix(BlockFormat.Of(GgmlType.F32), rows, columns, _owned), path, name);
    }

    /// <summary>The file that it came from, for messages; empty for none.</summary>
    public string Path { get; }

    /// <summary>What that file calls it.</summary>
    public string Name { get; }

    /// <summary>Rows.</summary>
    public int Rows => _values.Rows;

    /// <summary>Columns.</summary>
    public int Columns => _values.Columns;

    /// <summary>How the rows are stored.</summary>
    public BlockFormat Format => _values.Format;

    /// <summary>Decodes a row to float32, [columns].</summary>
    /// <exception cref="ModelFileException">A value is not a finite number.</exception>
    public void DecodeRow(int row, Span<float> values)
    {
        _values.DecodeRow(row, values);
        GC.KeepAlive(_owned);
        // A NaN compares as nothing, so it is not within the range either.
        if (Columns > 0 && !(Math.Abs(TensorPrimitives.MaxMagnitude<float>(values)) <= float.MaxValue))
            throw NotFinite(row);
    }

    /// <summary>The values as float32, [rows × columns].</summary>
    /// <exception cref="ModelFileException">A value is not a finite number.</exception>
    public float[] ToFloats()
    {
        float[] values = new float[checked(Rows * Columns)];
        for (int row = 0; row < Rows; row++)
            DecodeRow(row, values.AsSpan(row * Columns, Columns));
        return values;
    }

    /// <summary>The bytes of a row.</summary>
    public ReadOnlySpan<byte> Row(int row) => _values.Row(row);

    /// <summary>The same values in another format, in memory; itself where it has the format.</summary>
    /// <exception cref="ModelFileException">A value is not finite or beyond the format's range.</exception>
    public LoraFactor As(BlockFormat format)
    {
        if (format.Type == Format.Type)
            return this;
        int rowBytes = checked((int)format.RowBytes(Columns));
        byte[] bytes = Allocate((long)Rows * rowBytes);
        float[] values = new float[Columns];
        for (int row = 0; row < Rows; row++)
        {
            DecodeRow(row, values);
            if (Math.Abs(TensorPrimitives.MaxMagnitude<float>(values)) > format.MaxMagnitude)
                throw new ModelFileException(Path, UntrustedText.Tensor(Name), $"has a value beyond the range of {format.Name} in row {row}",
                    "Choose --type f32");
            format.Encode(values, bytes.AsSpan(row * rowBytes, rowBytes));
        }
        return new(Matrix(format, Rows, Columns, bytes), bytes, Path, Name);
    }

    /// <summary>Rows of a side that stands for several matrices together, where they lie.</summary>
    /// <param name="first">The first of every <paramref name="period"/>.</param>
    /// <param name="rows">How many of them.</param>
    /// <param name="period">Rows until the next.</param>
    public LoraFactor Slice(int first, int rows, int period) => new(_values.Slice(first, rows, period), _owned, Path, Name);

    /// <summary>The same rows in another order, in memory: row i is this one's row <paramref name="from"/>(i).</summary>
    public LoraFactor Reordered(Func<int, int> from)
    {
        int rowBytes = checked((int)_values.RowBytes);
        byte[] bytes = Allocate((long)Rows * rowBytes);
        for (int row = 0; row < Rows; row++)
            _values.Row(from(row)).CopyTo(bytes.AsSpan(row * rowBytes));
        GC.KeepAlive(_owned);
        return new(Matrix(Format, Rows, Columns, bytes), bytes, Path, Name);
    }

    /// <summary>The rows as panels are packed from.</summary>
    public WeightMatrix Matrix() => _values;

    private static byte[] Allocate(long bytes) => GC.AllocateUninitializedArray<byte>(checked((int)bytes), pinned: true);

    private static WeightMatrix Matrix(BlockFormat format, int rows, int columns, byte[] pinned)
    {
        fixed (byte* data = pinned)
            return new(format, rows, columns, data);
    }

    private ModelFileException NotFinite(int row) =>
        new(Path, UntrustedText.Tensor(Name), $"has a value in row {row} that is not a number or infinite", "Train or export the adapter again");
}
