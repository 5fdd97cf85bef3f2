using FsCheck;
using FsCheck.Fluent;

namespace MeKi.Kernels.Tests;

/// <summary>
/// Frequencies and magnitudes against the formulas of <c>modeling_rope_utils.py</c> of Hugging Face transformers
/// (<c>_compute_linear_scaling_rope_parameters</c>,
/// <c>_compute_yarn_parameters</c>, <c>_compute_llama3_parameters</c>), written out once more in float64, and turns against sine and cosine.
/// </summary>
public sealed class RopeTests
{
    private static readonly Gen<(int Dimension, float Theta, float Factor, int Original)> Models =
        from dimension in Gen.Elements(16, 32, 64, 80, 128, 256)
        from theta in Gen.Elements(10_000f, 500_000f, 1e6f, 5e6f)
        from factor in Gen.Choose(4, 160).Select(quarters => quarters / 4f)
        from original in Gen.Elements(512, 2048, 4096, 8192, 32_768, 262_144)
        select (dimension, theta, factor, original);

    [Fact]
    public void Unscaled_and_linear() => Prop.ForAll(Models.ToArbitrary(), model =>
    {
        AssertFrequencies([.. Pairs(model.Dimension).Select(i => Frequency(model.Theta, model.Dimension, i))], 1, new(model.Dimension, model.Theta));
        AssertFrequencies([.. Pairs(model.Dimension).Select(i => Frequency(model.Theta, model.Dimension, i) / model.Factor)], 1,
            new(model.Dimension, model.Theta, new LinearRopeScaling(model.Factor)));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Yarn()
    {
        var betas = Gen.Elements((32f, 1f), (16f, 2f), (64f, 0.5f), (1.001f, 1f));
        Prop.ForAll(Models.ToArbitrary(), betas.ToArbitrary(), Gen.Elements(1f, 0.5f, 1.25f).ToArbitrary(), (model, beta, attention) =>
        {
            ((int dimension, float theta, float factor, int original), (float fast, float slow)) = (model, beta);
            double low = Math.Max(Math.Floor(CorrectionDimension(fast)), 0), high = Math.Min(Math.Ceiling(CorrectionDimension(slow)), dimension - 1);
            if (low == high)
                high += 0.001;
            double[] expected = [.. Pairs(dimension).Select(i =>
            {
                double ramp = Math.Clamp((i - low) / (high - low), 0, 1), extrapolation = Frequency(theta, dimension, i),
                    interpolation = extrapolation / factor;
                double kept = 1 - ramp;
                return interpolation * (1 - kept) + extrapolation * kept;
            })];
            double magnitude = attention * (factor <= 1 ? 1 : 0.1 * Math.Log(factor) + 1);
            AssertFrequencies(expected, magnitude,
                new(dimension, theta, new YarnRopeScaling(factor, original) { BetaFast = fast, BetaSlow = slow, AttentionFactor = attention }));

            double CorrectionDimension(double rotations) => dimension * Math.Log(original / (rotations * 2 * Math.PI)) / (2 * Math.Log(theta));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Yarn_of_Qwen3_keeps_fast_pairs_and_slows_the_others()
    {
        // Factor 4 on 32,768 positions, as the model card recommends.
        Rope plain = new(128, 1e6f), yarn = new(128, 1e6f, new YarnRopeScaling(4, 32_768));
        double[] ratios = [.. Pairs(128).Select(i => (double)yarn.Frequencies[i] / plain.Frequencies[i])];
        Assert.All(ratios[..23], ratio => Assert.Equal(1, ratio, 1e-6));
        Assert.All(ratios[40..], ratio => Assert.Equal(0.25, ratio, 1e-6));
        Assert.All(Enumerable.Range(23, 17), i => Assert.InRange(ratios[i], 0.25 - 1e-6, ratios[i - 1] + 1e-6));
        Assert.Equal(1.1386294, yarn.Magnitude, 1e-6);
    }

    [Fact]
    public void Llama3() => Prop.ForAll(Models.ToArbitrary(), Gen.Elements((1f, 4f), (1f, 32f), (2f, 3f)).ToArbitrary(), (model, ends) =>
    {
        ((int dimension, float theta, float factor, int original), (float lowFactor, float highFactor)) = (model, ends);
        double lowWavelength = original / lowFactor, highWavelength = original / highFactor;
        double[] expected = [.. Pairs(dimension).Select(i =>
        {
            double frequency = Frequency(theta, dimension, i), wavelength = 2 * Math.PI / frequency;
            if (wavelength > lowWavelength)
                return frequency / factor;
            if (wavelength < highWavelength)
                return frequency;
            double smooth = (original / wavelength - lowFactor) / (highFactor - lowFactor);
            return (1 - smooth) * frequency / factor + smooth * frequency;
        })];
        Llama3RopeScaling scaling = new(factor, lowFactor, highFactor, original);
        AssertFrequencies(expected, 1, new(dimension, theta, scaling));
        // What a converted model holds turns by the same angles, bit for bit.
        Assert.Equal(new Rope(dimension, theta, scaling).Frequencies.ToArray(),
            new Rope(dimension, theta, new DividedRopeScaling(scaling.Divisors(dimension, theta))).Frequencies.ToArray());
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Pairs_are_turned_and_multiplied()
    {
        const int Dimension = 64, Heads = 3, First = 1000, Rows = 4;
        Rope rope = new(Dimension, 10_000, new YarnRopeScaling(8, 4096));
        Random random = new(1);
        rope.Prepare([.. Enumerable.Range(First, Rows)]);
        for (int row = 0; row < Rows; row++)
        {
            float[] x = [.. Enumerable.Range(0, Heads * Dimension).Select(_ => random.NextSingle() * 2 - 1)], y = [.. x];
            rope.Rotate(y, row);
            for (int at = 0; at < x.Length; at++)
            {
                int head = at / Dimension * Dimension, i = at % Dimension % (Dimension / 2);
                (double l, double r) = (x[head + i], x[head + i + Dimension / 2]);
                // The angle is a float32 product, as in training.
                (double sine, double cosine) = Math.SinCos((First + row) * rope.Frequencies[i]);
                double expected = rope.Magnitude * (at - head < Dimension / 2 ? l * cosine - r * sine : r * cosine + l * sine);
                Assert.Equal(expected, y[at], 1e-6);
            }
        }
    }

    private static IEnumerable<int> Pairs(int dimension) => Enumerable.Range(0, dimension / 2);

    private static double Frequency(double theta, int dimension, int pair) => 1 / Math.Pow(theta, 2.0 * pair / dimension);

    private static void AssertFrequencies(double[] expected, double magnitude, Rope rope)
    {
        Assert.Equal(expected.Length, rope.Frequencies.Length);
        // Float32's rounding, twice where divisors are rounded too.
        for (int i = 0; i < expected.Length; i++)
            Assert.InRange(rope.Frequencies[i] / expected[i], 1 - 1.3e-7, 1 + 1.3e-7);
        Assert.Equal(magnitude, rope.Magnitude, 1e-6);
    }
}
