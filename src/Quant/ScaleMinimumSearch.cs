using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Finds scale s and minimum m of sub-blocks, <c>x ≈ s · q − m</c> with m ≥ 0, that leave the smallest error. Candidates for the codes are the roundings of x
/// to several ranges of steps around the whole range of codes; for given codes, s and m solve the weighted normal equations. (The facts are ggml's
/// <c>make_qkx2_quants</c>.)
/// </summary>
internal static class ScaleMinimumSearch
{
    /// <summary>
    /// Searches eight sub-blocks at once (<see cref="SubBlockLanes"/>) for the smallest Σ w (x − (s·q − m))² with the weights w = |x| + √(mean x²).
    /// </summary>
    /// <param name="values">The sub-blocks, of 32 values.</param>
    /// <param name="maxCode">The last code.</param>
    /// <param name="firstStep">Steps of the first candidate range beyond <paramref name="maxCode"/>; each further candidate has 0.1 more.</param>
    /// <param name="lastCandidate">Index of the last candidate.</param>
    /// <param name="scales">Receives eight scales.</param>
    /// <param name="minima">Receives eight minima.</param>
    /// <param name="codes">Receives the codes.</param>
    public static void Find(ReadOnlySpan<float> values, int maxCode, float firstStep, int lastCandidate, Span<float> scales, Span<float> minima,
        Span<byte> codes) => Search(values, maxCode, firstStep, lastCandidate, ofMagnitudes: false, scales, minima, codes);

    /// <summary>Likewise, of any size, for the smallest Σ w |x − (s·q − m)| with the weights w = |x|.</summary>
    public static void FindOfMagnitudes(ReadOnlySpan<float> values, int maxCode, float firstStep, int lastCandidate, Span<float> scales, Span<float> minima,
        Span<byte> codes) => Search(values, maxCode, firstStep, lastCandidate, ofMagnitudes: true, scales, minima, codes);

    private static void Search(ReadOnlySpan<float> values, int maxCode, float firstStep, int lastCandidate, bool ofMagnitudes, Span<float> scales,
        Span<float> minima, Span<byte> codes)
    {
        int subBlockSize = values.Length / SubBlockLanes.Count;
        Span<Vector256<float>> x = stackalloc Vector256<float>[subBlockSize], weights = stackalloc Vector256<float>[subBlockSize];
        SubBlockLanes.Load(values, x);
        Weigh(x, ofMagnitudes, weights);
        Vector256<float> zero = Vector256<float>.Zero, low = x[0], high = x[0], sumW = zero, sumX = zero;
        for (int i = 0; i < subBlockSize; i++)
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
        Vector256<float> bestError = Error(x, weights, ofMagnitudes, bestInverse, low, maxCode, scale, low);
        for (int candidate = 0; candidate <= lastCandidate; candidate++)
        {
            // A better minimum also moves the candidates after it.
            Vector256<float> inverse = Vector256.Create(firstStep + 0.1f * candidate + maxCode) / (high - low);
            Vector256<float> sumQ = zero, sumQQ = zero, sumXQ = zero;
            for (int i = 0; i < subBlockSize; i++)
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
            Vector256<float> error = Error(x, weights, ofMagnitudes, inverse, low, maxCode, newScale, newLow);
            Vector256<float> better = Vector256.GreaterThan(determinant, zero) & Vector256.LessThan(error, bestError);
            bestError = Vector256.ConditionalSelect(better, error, bestError);
            bestInverse = Vector256.ConditionalSelect(better, inverse, bestInverse);
            bestLow = Vector256.ConditionalSelect(better, low, bestLow);
            scale = Vector256.ConditionalSelect(better, newScale, scale);
            low = Vector256.ConditionalSelect(better, newLow, low);
        }

        Vector256.AndNot(scale, flat).CopyTo(scales);
        (-Vector256.ConditionalSelect(flat, flatLow, low)).CopyTo(minima);
        for (int i = 0; i < subBlockSize; i++)
        {
            Vector256<float> q = Vector256.AndNot(Round(bestInverse * (x[i] - bestLow), maxCode), flat);
            SubBlockLanes.StoreCodes(Vector256.ConvertToInt32(q), i, subBlockSize, codes);
        }
    }

    private static void Weigh(ReadOnlySpan<Vector256<float>> x, bool ofMagnitudes, Span<Vector256<float>> weights)
    {
        Vector256<float> squares = Vector256<float>.Zero;
        foreach (Vector256<float> value in x)
            squares += value * value;
        Vector256<float> typical = ofMagnitudes ? Vector256<float>.Zero : Vector256.Sqrt(squares / x.Length);
        for (int i = 0; i < x.Length; i++)
            weights[i] = typical + Vector256.Abs(x[i]);
    }

    /// <summary>
    /// The weighted squared (or absolute) error of codes rounded with <paramref name="inverse"/> from <paramref name="from"/> when decoded with <paramref
    /// name="scale"/> and
    /// <paramref name="low"/>.
    /// </summary>
    private static Vector256<float> Error(ReadOnlySpan<Vector256<float>> x, ReadOnlySpan<Vector256<float>> weights, bool ofMagnitudes,
        Vector256<float> inverse, Vector256<float> from, int maxCode, Vector256<float> scale, Vector256<float> low)
    {
        Vector256<float> error = Vector256<float>.Zero;
        for (int i = 0; i < x.Length; i++)
        {
            Vector256<float> difference = scale * Round(inverse * (x[i] - from), maxCode) + low - x[i];
            error += weights[i] * (ofMagnitudes ? Vector256.Abs(difference) : difference * difference);
        }
        return error;
    }

    private static Vector256<float> Round(Vector256<float> exact, int maxCode) => RoundedCodes.Limit(Vector256.Round(exact), 0, maxCode);
}
