using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Kernels;

/// <summary>
/// Sums whose bits are the same on every machine. Lane i adds up the elements i, i + n, i + 2n, … of n lanes, then the lanes are joined in one order; the base
/// library's sums have as many lanes as the machine's vectors, and other bits on each. Products are rounded before they are added.
/// </summary>
internal static class FixedSum
{
    // Four vectors of 128 bits: additions wait for each other for four cycles, so that wider vectors would be no faster.
    private const int Vectors = 4;

    /// <summary>The sum of squares, in 16 lanes.</summary>
    public static float OfSquares(ReadOnlySpan<float> x)
    {
        ReadOnlySpan<Vector128<float>> whole = MemoryMarshal.Cast<float, Vector128<float>>(x);
        Vector128<float> a = default, b = default, c = default, d = default;
        int i = 0;
        for (; i + Vectors <= whole.Length; i += Vectors)
        {
            a += whole[i] * whole[i];
            b += whole[i + 1] * whole[i + 1];
            c += whole[i + 2] * whole[i + 2];
            d += whole[i + 3] * whole[i + 3];
        }
        ReadOnlySpan<float> left = x[(i * Vector128<float>.Count)..];
        if (left.Length > 0)
        {
            // Squares of zeros change no sum of squares.
            Span<Vector128<float>> last = stackalloc Vector128<float>[Vectors];
            last.Clear();
            left.CopyTo(MemoryMarshal.Cast<Vector128<float>, float>(last));
            a += last[0] * last[0];
            b += last[1] * last[1];
            c += last[2] * last[2];
            d += last[3] * last[3];
        }
        Vector128<float> sum = (a + b) + (c + d);
        return (sum[0] + sum[2]) + (sum[1] + sum[3]);
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
}
