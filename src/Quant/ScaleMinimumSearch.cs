using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Finds scale s and minimum m of sub-blocks of 32 values, <c>x ≈ s · q − m</c> with m ≥ 0, that leave the smallest error Σ w (x − (s·q − m))²
/// with the weights w = |x| + √(mean x²). Candidates for the codes are the roundings of x to several ranges of steps around the whole range of codes;
/// for given codes, s and m solve the weighted normal equations. (The facts are ggml's <c>make_qkx2_quants</c>.)
/// </summary>
internal static class ScaleMinimumSearch
{
    private const int SubBlockSize = 32;

    /// <summary>Searches eight sub-blocks at once; see <see cref="SubBlockLanes"/>.</summary>
    /// <param name="values">256 values.</param>
    /// <param name="maxCode">The last code.</param>
    /// <param name="firstStep">Steps of the first candidate range beyond <paramref name="maxCode"/>; each further candidate has 0.1 more.</param>
    /// <param name="lastCandidate">Index of the last candidate.</param>
    /// <param name="scales">Receives eight scales.</param>
    /// <param name="minima">Receives eight minima.</param>
    /// <param name="codes">Receives 256 codes.</param>
    public static void Find(ReadOnlySpan<float> values, int maxCode, float firstStep, int lastCandidate, Span<float> scales, Span<float> minima,
        Span<byte> codes)
    {
        Span<Vector256<float>> x = stackalloc Vector256<float>[SubBlockSize], weights = stackalloc Vector256<float>[SubBlockSize];
        SubBlockLanes.Load(values, x);
        Weigh(x, weights);
        Vector256<float> zero = Vector256<float>.Zero, low = x[0], high = x[0], sumW = zero, sumX = zero;
        for (int i = 0; i < SubBlockSize; i++)
        {
            low = Vector256.ConditionalSelect(Vector256.LessThan(x[i], low), x[i], low);
            high = Vector256.ConditionalSelect(Vector256.GreaterThan(x[i], high), x[i], high);
            sumW += weights[i];
            sumX += weights[i] * x[i];
        }
        // What is subtracted is never negative, so a sub-block of positive values starts at zero.
        low = Vector256.ConditionalSelect(Vector256.GreaterThan(low, zero), zero, low);
        Vector256<float> flat = Vector256.Equals(low, high), flatLow = low;

        Vector256<float> bestInverse = Vector256.Create((float)maxCode) / (high - low), bestLow = low;
        Vector256<float> scale = Vector256<float>.One / bestInverse;
        Vector256<float> bestError = Error(x, weights, bestInverse, low, maxCode, scale, low);
        for (int candidate = 0; candidate <= lastCandidate; candidate++)
        {
            // A better minimum also moves the candidates after it.
            Vector256<float> inverse = Vector256.Create(firstStep + 0.1f * candidate + maxCode) / (high - low);
            Vector256<float> sumQ = zero, sumQQ = zero, sumXQ = zero;
            for (int i = 0; i < SubBlockSize; i++)
            {
                Vector256<float> q = Round(inverse * (x[i] - low), maxCode), weighted = weights[i] * q;
                sumQ += weighted;
                sumQQ += weighted * q;
                sumXQ += weighted * x[i];
            }
            Vector256<float> determinant = sumW * sumQQ - sumQ * sumQ;
            Vector256<float> newScale = (sumW * sumXQ - sumX * sumQ) / determinant;
            Vector256<float> newLow = (sumQQ * sumX - sumQ * sumXQ) / determinant;
            Vector256<float> positive = Vector256.GreaterThan(newLow, zero);
            newScale = Vector256.ConditionalSelect(positive, sumXQ / sumQQ, newScale);
            newLow = Vector256.AndNot(newLow, positive);
            Vector256<float> error = Error(x, weights, inverse, low, maxCode, newScale, newLow);
            Vector256<float> better = Vector256.GreaterThan(determinant, zero) & Vector256.LessThan(error, bestError);
            bestError = Vector256.ConditionalSelect(better, error, bestError);
            bestInverse = Vector256.ConditionalSelect(better, inverse, bestInverse);
            bestLow = Vector256.ConditionalSelect(better, low, bestLow);
            scale = Vector256.ConditionalSelect(better, newScale, scale);
            low = Vector256.ConditionalSelect(better, newLow, low);
        }

        Vector256.AndNot(scale, flat).CopyTo(scales);
        (-Vector256.ConditionalSelect(flat, flatLow, low)).CopyTo(minima);
        for (int i = 0; i < SubBlockSize; i++)
        {
            Vector256<float> q = Vector256.AndNot(Round(bestInverse * (x[i] - bestLow), maxCode), flat);
            SubBlockLanes.StoreCodes(Vector256.ConvertToInt32(q), i, SubBlockSize, codes);
        }
    }

    private static void Weigh(ReadOnlySpan<Vector256<float>> x, Span<Vector256<float>> weights)
    {
        Vector256<float> squares = Vector256<float>.Zero;
        foreach (Vector256<float> value in x)
            squares += value * value;
        Vector256<float> typical = Vector256.Sqrt(squares / SubBlockSize);
        for (int i = 0; i < x.Length; i++)
            weights[i] = typical + Vector256.Abs(x[i]);
    }

    /// <summary>
    /// The weighted squared error of codes rounded with <paramref name="inverse"/> from <paramref name="from"/> when decoded with <paramref name="scale"/> and
    /// <paramref name="low"/>.
    /// </summary>
    private static Vector256<float> Error(ReadOnlySpan<Vector256<float>> x, ReadOnlySpan<Vector256<float>> weights,
        Vector256<float> inverse, Vector256<float> from, int maxCode, Vector256<float> scale, Vector256<float> low)
    {
        Vector256<float> error = Vector256<float>.Zero;
        for (int i = 0; i < x.Length; i++)
        {
            Vector256<float> difference = scale * Round(inverse * (x[i] - from), maxCode) + low - x[i];
            error += weights[i] * (difference * difference);
        }
        return error;
    }

    private static Vector256<float> Round(Vector256<float> exact, int maxCode) => RoundedCodes.Limit(Vector256.Round(exact), 0, maxCode);
}
