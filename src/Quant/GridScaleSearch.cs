using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Finds the scale s of blocks on the grid of <see cref="IQ4_NL"/>, <c>x ≈ s · grid[q]</c>, that leaves the smallest error Σ w (x − s·grid[q])², w = x².
/// For given codes the best scale is Σ w·x·g / Σ w·g², g = grid[q]; candidates for the codes put the value of largest magnitude on 120 .. 134 steps
/// of the negative side, the grid's longer one. (The facts are ggml's <c>quantize_row_iq4_nl_impl</c>.)
/// </summary>
internal static class GridScaleSearch
{
    /// <summary>Blocks in one call.</summary>
    public const int BlocksAtOnce = SubBlockLanes.Count;

    private const int Size = 32, Tries = 7;

    /// <summary>Searches up to eight blocks at once; see <see cref="SubBlockLanes"/>.</summary>
    /// <param name="values">The values of one to eight blocks.</param>
    /// <param name="scales">Receives eight scales.</param>
    /// <param name="codes">Receives the codes of eight blocks.</param>
    public static void Find(ReadOnlySpan<float> values, Span<float> scales, Span<byte> codes)
    {
        Span<float> padded = stackalloc float[BlocksAtOnce * Size];
        padded.Clear();
        values.CopyTo(padded);
        Span<Vector256<float>> x = stackalloc Vector256<float>[Size];
        SubBlockLanes.Load(padded, x);
        Vector256<float> zero = Vector256<float>.Zero, magnitude = zero, extreme = zero;
        foreach (Vector256<float> value in x)
        {
            Vector256<float> larger = Vector256.GreaterThan(Vector256.Abs(value), magnitude);
            magnitude = Vector256.ConditionalSelect(larger, Vector256.Abs(value), magnitude);
            extreme = Vector256.ConditionalSelect(larger, value, extreme);
        }
        Vector256<float> isZero = Vector256.LessThan(magnitude, Vector256.Create(SignedScaleSearch.Zero));

        float longest = IQ4_NL.Grid[0];
        (Vector256<float> xg, Vector256<float> gg) = Sums(x, Vector256<float>.One / (-extreme / longest));
        Vector256<float> scale = Vector256.ConditionalSelect(Vector256.GreaterThan(gg, zero), xg / gg, zero);
        Vector256<float> gain = scale * xg;
        for (int candidate = -Tries; candidate <= Tries; candidate++)
        {
            (xg, gg) = Sums(x, Vector256.Create(candidate + longest) / extreme);
            // The error is Σ w·x² − (Σ w·x·g)² / Σ w·g²: the larger the quotient, the better.
            Vector256<float> better = Vector256.GreaterThan(gg, zero) & Vector256.GreaterThan(xg * xg, gain * gg);
            scale = Vector256.ConditionalSelect(better, xg / gg, scale);
            gain = Vector256.ConditionalSelect(better, scale * xg, gain);
        }

        scale = Vector256.AndNot(scale, isZero);
        scale.CopyTo(scales);
        Vector256<float> inverse = Vector256.ConditionalSelect(Vector256.Equals(scale, zero), zero, Vector256<float>.One / scale);
        for (int i = 0; i < Size; i++)
            SubBlockLanes.StoreCodes(Codes(inverse * x[i]), i, Size, codes);
    }

    private static (Vector256<float> XG, Vector256<float> GG) Sums(ReadOnlySpan<Vector256<float>> x, Vector256<float> inverse)
    {
        Vector256<float> xg = Vector256<float>.Zero, gg = Vector256<float>.Zero;
        foreach (Vector256<float> value in x)
        {
            Vector256<float> g = Nearest(inverse * value), weight = value * value;
            xg += weight * g * value;
            gg += weight * g * g;
        }
        return (xg, gg);
    }

    /// <summary>The nearest grid value; halfway between two, the upper one.</summary>
    private static Vector256<float> Nearest(Vector256<float> x)
    {
        Vector256<float> nearest = Vector256.Create((float)IQ4_NL.Grid[0]);
        for (int q = 1; q < 16; q++)
            nearest = Vector256.ConditionalSelect(Vector256.GreaterThanOrEqual(x, Boundary(q)), Vector256.Create((float)IQ4_NL.Grid[q]), nearest);
        return nearest;
    }

    /// <summary>The code of the nearest grid value: how many boundaries lie at or below x.</summary>
    private static Vector256<int> Codes(Vector256<float> x)
    {
        Vector256<int> codes = Vector256<int>.Zero;
        for (int q = 1; q < 16; q++)
            codes -= Vector256.GreaterThanOrEqual(x, Boundary(q)).AsInt32();
        return codes;
    }

    /// <summary>Half way between the grid values of q − 1 and q: a multiple of one half, exact in single precision.</summary>
    private static Vector256<float> Boundary(int q) => Vector256.Create((IQ4_NL.Grid[q - 1] + IQ4_NL.Grid[q]) * 0.5f);
}
