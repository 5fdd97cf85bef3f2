using System.Numerics;

namespace MeKi.Kernels;

/// <summary>Root mean square normalisation: <c>y = w ⊙ x / sqrt(mean(x²) + eps)</c> (Zhang and Sennrich, 2019).</summary>
public static class RmsNorm
{
    /// <summary>Normalises one vector; <paramref name="y"/> may be <paramref name="x"/>.</summary>
    /// <param name="x">The vector, [d].</param>
    /// <param name="weight">The learned weight, [d].</param>
    /// <param name="eps">Added to the mean square.</param>
    /// <param name="y">The result, [d].</param>
    public static void Normalize(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float eps, Span<float> y)
    {
        float scale = 1 / MathF.Sqrt(FixedSum.OfSquares(x) / x.Length + eps);
        weight = weight[..x.Length];
        y = y[..x.Length];
        int i = 0;
        for (; i + Vector<float>.Count <= x.Length; i += Vector<float>.Count)
            (new Vector<float>(x[i..]) * scale * new Vector<float>(weight[i..])).CopyTo(y[i..]);
        for (; i < x.Length; i++)
            y[i] = x[i] * scale * weight[i];
    }

    /// <summary>Normalises each row of a matrix; <paramref name="y"/> may be <paramref name="x"/>.</summary>
    public static void Normalize(ActivationMatrix x, int rows, ReadOnlySpan<float> weight, float eps, ActivationMatrix y)
    {
        y.Reserve(rows);
        for (int row = 0; row < rows; row++)
            Normalize(x.Row(row), weight, eps, y.Row(row));
    }

    /// <summary>Normalises every head of a row in place with the same weight [head dimension]: the q/k norm of Qwen3.</summary>
    public static void NormalizeHeads(Span<float> heads, ReadOnlySpan<float> weight, float eps)
    {
        for (int at = 0; at < heads.Length; at += weight.Length)
            Normalize(heads.Slice(at, weight.Length), weight, eps, heads.Slice(at, weight.Length));
    }
}
