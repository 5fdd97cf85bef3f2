using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace MeKi.Model.Adapters.Merging;

/// <summary>A matrix of doubles by rows. Every sum has one order, so that all machines give the same bits.</summary>
internal sealed class Matrix
{
    private readonly double[] _values;

    public Matrix(int rows, int columns) => (Rows, Columns, _values) = (rows, columns, new double[checked(rows * columns)]);

    /// <summary>The values of a factor.</summary>
    /// <param name="factor">[rows × columns].</param>
    /// <param name="scale">What they are multiplied with.</param>
    public Matrix(LoraFactor factor, double scale = 1)
        : this(factor.Rows, factor.Columns)
    {
        float[] values = new float[Columns];
        for (int row = 0; row < Rows; row++)
        {
            factor.DecodeRow(row, values);
            Span<double> to = Row(row);
            for (int i = 0; i < to.Length; i++)
                to[i] = scale * values[i];
        }
    }

    public int Rows { get; }

    public int Columns { get; }

    public ref double this[int row, int column] => ref _values[row * Columns + column];

    /// <summary>All values.</summary>
    public Span<double> Values => _values;

    public Span<double> Row(int row) => _values.AsSpan(row * Columns, Columns);

    public static Matrix Identity(int size)
    {
        Matrix identity = new(size, size);
        for (int i = 0; i < size; i++)
            identity[i, i] = 1;
        return identity;
    }

    /// <summary>Matrices of as many columns, one below the other.</summary>
    public static Matrix Stack(IReadOnlyList<Matrix> parts)
    {
        Matrix whole = new(parts.Sum(part => part.Rows), parts[0].Columns);
        int at = 0;
        foreach (Matrix part in parts)
        {
            part.Values.CopyTo(whole.Values[at..]);
            at += part.Values.Length;
        }
        return whole;
    }

    public static Matrix operator *(Matrix left, Matrix right)
    {
        Matrix product = new(left.Rows, right.Columns);
        for (int row = 0; row < left.Rows; row++)
        {
            for (int k = 0; k < left.Columns; k++)
                Add(right.Row(k), left[row, k], product.Row(row));
        }
        return product;
    }

    public static Matrix operator *(double scale, Matrix matrix)
    {
        Matrix scaled = new(matrix.Rows, matrix.Columns);
        TensorPrimitives.Multiply(matrix.Values, scale, scaled.Values);
        return scaled;
    }

    public static Matrix operator +(Matrix left, Matrix right)
    {
        Matrix sum = new(left.Rows, left.Columns);
        TensorPrimitives.Add<double>(left.Values, right.Values, sum.Values);
        return sum;
    }

    public static Matrix operator -(Matrix left, Matrix right)
    {
        Matrix difference = new(left.Rows, left.Columns);
        TensorPrimitives.Subtract<double>(left.Values, right.Values, difference.Values);
        return difference;
    }

    /// <summary>left · rightᵀ.</summary>
    public static Matrix TimesTransposed(Matrix left, Matrix right)
    {
        Matrix product = new(left.Rows, right.Rows);
        for (int row = 0; row < left.Rows; row++)
        {
            for (int column = 0; column < right.Rows; column++)
                product[row, column] = Dot(left.Row(row), right.Row(column));
        }
        return product;
    }

    public Matrix Transposed()
    {
        Matrix transposed = new(Columns, Rows);
        for (int row = 0; row < Rows; row++)
        {
            for (int column = 0; column < Columns; column++)
                transposed[column, row] = this[row, column];
        }
        return transposed;
    }

    /// <summary>The first rows.</summary>
    public Matrix Top(int rows)
    {
        Matrix top = new(rows, Columns);
        Values[..top.Values.Length].CopyTo(top.Values);
        return top;
    }

    public LoraFactor ToFactor()
    {
        float[] values = new float[_values.Length];
        TensorPrimitives.ConvertTruncating<double, float>(_values, values);
        return new(Rows, Columns, values);
    }

    /// <summary>to += scale · values.</summary>
    public static void Add(ReadOnlySpan<double> values, double scale, Span<double> to)
    {
        if (scale != 0)
            TensorPrimitives.MultiplyAdd(values, scale, to, to);
    }

    /// <summary>The sum of products, always in four partial sums.</summary>
    public static double Dot(ReadOnlySpan<double> left, ReadOnlySpan<double> right)
    {
        Vector256<double> sums = default;
        int i = 0;
        for (; i <= left.Length - 4; i += 4)
            sums += Vector256.Create(left.Slice(i, 4)) * Vector256.Create(right.Slice(i, 4));
        double sum = sums[0] + sums[1] + (sums[2] + sums[3]);
        for (; i < left.Length; i++)
            sum += left[i] * right[i];
        return sum;
    }
}
