namespace MeKi.Kernels;

/// <summary>
/// How a rotary embedding reaches beyond the positions its model was first trained on. Frequencies are in radians a position; arithmetic is float64.
/// </summary>
public abstract record RopeScaling
{
    /// <summary>Changes the frequencies of the pairs.</summary>
    /// <param name="frequencies">theta^(−2i/D), [D/2].</param>
    /// <param name="theta">The base.</param>
    /// <returns>What cosines and sines are multiplied with.</returns>
    internal abstract double Apply(Span<double> frequencies, double theta);
}

/// <summary>Position interpolation (Chen et al., 2023): every pair turns <paramref name="Factor"/> times more slowly.</summary>
/// <param name="Factor">How many times longer the context is.</param>
public sealed record LinearRopeScaling(float Factor) : RopeScaling
{
    /// <inheritdoc/>
    internal override double Apply(Span<double> frequencies, double theta)
    {
        foreach (ref double frequency in frequencies)
            frequency /= Factor;
        return 1;
    }
}

/// <summary>
/// YaRN (Peng et al., 2023, arXiv 2309.00071): pairs that turn often within the original context keep their frequency, those that turn seldom are interpolated,
/// with a ramp between; queries and keys grow by 0.1 ln(factor) + 1, so that attention is as sharp as before. As in Hugging Face transformers and llama.cpp the
/// ramp's ends are rounded outwards to whole pairs.
/// </summary>
/// <param name="Factor">How many times longer the context is.</param>
/// <param name="OriginalContextLength">Positions of the first training.</param>
public sealed record YarnRopeScaling(float Factor, int OriginalContextLength) : RopeScaling
{
    /// <summary>Turns within the original context from which on a pair keeps its frequency.</summary>
    public float BetaFast { get; init; } = 32;

    /// <summary>Turns within the original context below which a pair is interpolated.</summary>
    public float BetaSlow { get; init; } = 1;

    /// <summary>Multiplies the growth of queries and keys.</summary>
    public float AttentionFactor { get; init; } = 1;

    /// <summary>By how much queries and keys grow where <see cref="AttentionFactor"/> is 1.</summary>
    public static double Growth(double factor) => factor <= 1 ? 1 : 0.1 * FixedMath.Log(factor) + 1;

    /// <inheritdoc/>
    internal override double Apply(Span<double> frequencies, double theta)
    {
        int dimension = 2 * frequencies.Length;
        double low = Math.Max(Math.Floor(PairThatTurns(BetaFast, dimension, theta)), 0);
        double high = Math.Min(Math.Ceiling(PairThatTurns(BetaSlow, dimension, theta)), dimension - 1);
        for (int i = 0; i < frequencies.Length; i++)
        {
            double interpolated = Math.Clamp((i - low) / Math.Max(high - low, 0.001), 0, 1);
            frequencies[i] *= interpolated / Factor + (1 - interpolated);
        }
        return AttentionFactor * Growth(Factor);
    }

    // Solves 2 pi turns = length · theta^(−2i/D) for i.
    private double PairThatTurns(double turns, int dimension, double theta) =>
        dimension * FixedMath.Log(OriginalContextLength / (turns * 2 * Math.PI)) / (2 * FixedMath.Log(theta));
}

/// <summary>
/// Llama 3.1's: pairs whose wavelength is above the original context / <paramref name="LowFrequencyFactor"/> are interpolated, those below the original context
/// /
/// <paramref name="HighFrequencyFactor"/> are not, with a ramp between.
/// </summary>
/// <param name="Factor">How many times longer the context is.</param>
/// <param name="LowFrequencyFactor">Turns within the original context below which a pair is interpolated.</param>
/// <param name="HighFrequencyFactor">Turns within the original context from which on a pair keeps its frequency.</param>
/// <param name="OriginalContextLength">Positions of the first training.</param>
public sealed record Llama3RopeScaling(float Factor, float LowFrequencyFactor, float HighFrequencyFactor, int OriginalContextLength) : RopeScaling
{
    /// <summary>What each pair's frequency is divided by, [D/2]: GGUF's <c>rope_freqs.weight</c>.</summary>
    public float[] Divisors(int headDimension, float theta)
    {
        float[] divisors = new float[headDimension / 2];
        for (int i = 0; i < divisors.Length; i++)
        {
            double turns = OriginalContextLength * FixedMath.Pow(theta, -2.0 * i / headDimension) / (2 * Math.PI);
            double kept = Math.Clamp((turns - LowFrequencyFactor) / ((double)HighFrequencyFactor - LowFrequencyFactor), 0, 1);
            divisors[i] = (float)(1 / ((1 - kept) / Factor + kept));
        }
        return divisors;
    }

    /// <inheritdoc/>
    internal override double Apply(Span<double> frequencies, double theta) =>
        // In float32, so that a converted model turns by the same angles.
        new DividedRopeScaling(Divisors(2 * frequencies.Length, (float)theta)).Apply(frequencies, theta);
}

/// <summary>Frequencies that are divided by numbers of the model file's: GGUF's <c>rope_freqs.weight</c>, which Llama 3.1's scaling is converted to.</summary>
/// <param name="Divisors">[D/2].</param>
public sealed record DividedRopeScaling(IReadOnlyList<float> Divisors) : RopeScaling
{
    /// <inheritdoc/>
    internal override double Apply(Span<double> frequencies, double theta)
    {
        for (int i = 0; i < frequencies.Length; i++)
            frequencies[i] /= Divisors[i];
        return 1;
    }
}

/// <summary>
/// LongRoPE (Ding et al., arXiv 2402.13753): each pair's frequency is divided by a factor of its own, one list within the positions of the first training, one
/// beyond.
/// </summary>
/// <param name="Short">Factors within the original context, [D/2].</param>
/// <param name="Long">Factors beyond, [D/2].</param>
/// <param name="OriginalContextLength">Positions of the first training.</param>
/// <param name="Magnitude">What cosines and sines are multiplied with.</param>
/// <param name="IsLong">Which of the lists counts: a sequence's earlier keys cannot change with its length, so the model decides once.</param>
public sealed record LongRopeScaling(IReadOnlyList<float> Short, IReadOnlyList<float> Long, int OriginalContextLength, float Magnitude,
    bool IsLong) : RopeScaling
{
    /// <inheritdoc/>
    internal override double Apply(Span<double> frequencies, double theta)
    {
        for (int i = 0; i < frequencies.Length; i++)
            frequencies[i] /= IsLong ? Long[i] : Short[i];
        return Magnitude;
    }
}
