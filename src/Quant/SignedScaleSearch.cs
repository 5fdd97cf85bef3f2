using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Finds the scale s of sub-blocks of 16 values coded around zero, <c>x ≈ s · q</c>, that leaves the smallest error Σ w (x − s·q)², w = x².
/// For given codes the best scale is Σ w·x·q / Σ w·q²; candidates for the codes are the roundings of x to nineteen ranges, from 0.9 steps less than the whole
/// range of codes to 0.9 more, that put the value of largest magnitude on the negative side, which has one code more. (The facts are ggml's
/// <c>make_qx_quants</c>.)
/// </summary>
internal static class SignedScaleSearch
{
    /// <summary>Values and scales of less than this magnitude count as zero.</summary>
    public const float Zero = 1e-15f;

    private const int SubBlockSize = 16;

    /// <summary>Searches eight sub-blocks at once; see <see cref="SubBlockLanes"/>.</summary>
    /// <param name="values">128 values.</param>
    /// <param name="middle">The code of zero, half the number of codes.</param>
    /// <param name="scales">Receives eight scales, negative if the extreme is positive.</param>
    /// <param name="codes">Receives 128 codes.</param>
    public static void Find(ReadOnlySpan<float> values, int middle, Span<float> scales, Span<byte> codes)
    {
        Span<Vector256<float>> x = stackalloc Vector256<float>[SubBlockSize];
        SubBlockLanes.Load(values, x);
        Vector256<float> magnitude = Vector256<float>.Zero, extreme = Vector256<float>.Zero;
        foreach (Vector256<float> value in x)
        {
            Vector256<float> larger = Vector256.GreaterThan(Vector256.Abs(value), magnitude);
            magnitude = Vector256.ConditionalSelect(larger, Vector256.Abs(value), magnitude);
            extreme = Vector256.ConditionalSelect(larger, value, extreme);
        }
        Vector256<float> isZero = Vector256.LessThan(magnitude, Vector256.Create(Zero));

        Vector256<float> bestInverse = Vector256.Create(-(float)middle) / extreme;
        (Vector256<float> xq, Vector256<float> qq) = Sums(x, bestInverse, middle);
        Vector256<float> scale = Vector256.ConditionalSelect(Vector256.Equals(qq, Vector256<float>.Zero), Vector256<float>.Zero, xq / qq);
        Vector256<float> gain = scale * xq;
        for (int candidate = -9; candidate <= 9; candidate++)
        {
            if (candidate == 0)
                continue;
            Vector256<float> inverse = Vector256.Create(-(middle + 0.1f * candidate)) / extreme;
            (xq, qq) = Sums(x, inverse, middle);
            // The error is Σ w·x² − (Σ w·x·q)² / Σ w·q²: the larger the quotient, the better.
            Vector256<float> better = Vector256.GreaterThan(qq, Vector256<float>.Zero) & Vector256.GreaterThan(xq * xq, gain * qq);
            scale = Vector256.ConditionalSelect(better, xq / qq, scale);
            gain = Vector256.ConditionalSelect(better, scale * xq, gain);
            bestInverse = Vector256.ConditionalSelect(better, inverse, bestInverse);
        }

        Vector256.AndNot(scale, isZero).CopyTo(scales);
        for (int i = 0; i < SubBlockSize; i++)
        {
            Vector256<float> code = Round(x[i] * bestInverse, middle) + Vector256.Create((float)middle);
            SubBlockLanes.StoreCodes(Vector256.ConvertToInt32(Vector256.AndNot(code, isZero)), i, SubBlockSize, codes);
        }
    }

    private static (Vector256<float> XQ, Vector256<float> QQ) Sums(ReadOnlySpan<Vector256<float>> x, Vector256<float> inverse, int middle)
    {
        Vector256<float> xq = Vector256<float>.Zero, qq = Vector256<float>.Zero;
        foreach (Vector256<float> value in x)
        {
            Vector256<float> q = Round(value * inverse, middle), weight = value * value;
            xq += weight * value * q;
            qq += weight * q * q;
        }
        return (xq, qq);
    }

    private static Vector256<float> Round(Vector256<float> exact, int middle) => RoundedCodes.Limit(Vector256.Round(exact), -middle, middle - 1);
}
