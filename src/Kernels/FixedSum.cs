using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Kernels;

/// <summary>
/// Sums whose bits are the same on every machine. Lane i adds up the elements i, i + n, i + 2n, … of n lanes, then the lanes are joined in one order; the base
/// library's sums have as many lanes as the machine's vectors, and other bits on each. Products are rounded before they are added.
/// </summary>
internal static unsafe class FixedSum
{
    // Four vectors of 128 bits: additions wait for each other for four cycles, so that wider vectors would be no faster.
    private const int Vectors = 4, Lanes = 16;

    /// <summary>The sum of squares, in 16 lanes.</summary>
    public static float OfSquares(ReadOnlySpan<float> x)
    {
        int whole = x.Length / Lanes * Lanes;
        fixed (float* from = x)
        {
            if (whole == x.Length)
                return OfSquares(from, whole, null);
            // Squares of zeros change no sum of squares.
            float* rest = stackalloc float[Lanes];
            new Span<float>(rest, Lanes).Clear();
            x[whole..].CopyTo(new(rest, Lanes));
            return OfSquares(from, whole, rest);
        }
    }

    /// <summary>The sum, in four lanes of float64.</summary>
    public static double Of(ReadOnlySpan<float> x)
    {
        double a = 0, b = 0, c = 0, d = 0;
        int i = 0;
        for (; i + Vectors <= x.Length; i += Vectors)
        {
            a += x[i];
            b += x[i + 1];
            c += x[i + 2];
            d += x[i + 3];
        }
        for (; i < x.Length; i++)
            a += x[i];
        return (a + b) + (c + d);
    }

    /// <summary>The sum of squared distances from a number, in four lanes of float64.</summary>
    public static double OfSquaredDistances(ReadOnlySpan<float> x, double from)
    {
        double a = 0, b = 0, c = 0, d = 0;
        int i = 0;
        for (; i + Vectors <= x.Length; i += Vectors)
        {
            a += (x[i] - from) * (x[i] - from);
            b += (x[i + 1] - from) * (x[i + 1] - from);
            c += (x[i + 2] - from) * (x[i + 2] - from);
            d += (x[i + 3] - from) * (x[i + 3] - from);
        }
        for (; i < x.Length; i++)
            a += (x[i] - from) * (x[i] - from);
        return (a + b) + (c + d);
    }

    /// <summary>The sum of products, in four lanes of float64, where each product is exact.</summary>
    public static double OfProducts(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        y = y[..x.Length];
        double a = 0, b = 0, c = 0, d = 0;
        int i = 0;
        for (; i + Vectors <= x.Length; i += Vectors)
        {
            a += (double)x[i] * y[i];
            b += (double)x[i + 1] * y[i + 1];
            c += (double)x[i + 2] * y[i + 2];
            d += (double)x[i + 3] * y[i + 3];
        }
        for (; i < x.Length; i++)
            a += (double)x[i] * y[i];
        return (a + b) + (c + d);
    }

    /// <summary>The sum, in eight lanes.</summary>
    public static double Of(ReadOnlySpan<double> x)
    {
        ReadOnlySpan<Vector128<double>> whole = MemoryMarshal.Cast<double, Vector128<double>>(x);
        Vector128<double> a = default, b = default, c = default, d = default;
        int i = 0;
        for (; i + Vectors <= whole.Length; i += Vectors)
        {
            a += whole[i];
            b += whole[i + 1];
            c += whole[i + 2];
            d += whole[i + 3];
        }
        Vector128<double> sum = (a + b) + (c + d);
        double total = sum[0] + sum[1];
        foreach (double value in x[(i * Vector128<double>.Count)..])
            total += value;
        return total;
    }

    // A method of its own, so that its sums stay in registers: beside a stackalloc they do not.
    private static float OfSquares(float* x, int whole, float* rest)
    {
        Vector128<float> a = default, b = default, c = default, d = default;
        for (float* end = x + whole; x < end; x += Lanes)
        {
            Vector128<float> p = Vector128.Load(x), q = Vector128.Load(x + 4), r = Vector128.Load(x + 8), s = Vector128.Load(x + 12);
            a += p * p;
            b += q * q;
            c += r * r;
            d += s * s;
        }
        if (rest is not null)
        {
            Vector128<float> p = Vector128.Load(rest), q = Vector128.Load(rest + 4), r = Vector128.Load(rest + 8), s = Vector128.Load(rest + 12);
            a += p * p;
            b += q * q;
            c += r * r;
            d += s * s;
        }
        Vector128<float> sum = (a + b) + (c + d);
        return (sum[0] + sum[2]) + (sum[1] + sum[3]);
    }
}
