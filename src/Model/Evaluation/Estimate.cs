using MeKi.Kernels;

namespace MeKi.Model.Evaluation;

/// <summary>A mean over a sample and how far it may be off.</summary>
/// <param name="Mean">The sample's mean.</param>
/// <param name="StandardError">Standard error of the mean, <c>sqrt(Σ(x − mean)² / (n − 1) / n)</c>; for zeros and ones that is <c>sqrt(p(1 − p) / (n − 1))</c>.
/// NaN for one value.</param>
public readonly record struct Estimate(double Mean, double StandardError)
{
    /// <summary>The estimate from a sample.</summary>
    /// <param name="sample">At least one value.</param>
    internal static Estimate Of(ReadOnlySpan<double> sample)
    {
        double mean = FixedSum.Of(sample) / sample.Length, squares = 0;
        foreach (double value in sample)
            squares += (value - mean) * (value - mean);
        return new(mean, Math.Sqrt(squares / (sample.Length - 1.0) / sample.Length));
    }
}
