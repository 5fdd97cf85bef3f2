using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using MeKi.Kernels.Operations;

namespace MeKi.Kernels;

/// <summary>Root mean square normalisation: <c>y = w ⊙ x / sqrt(mean(x²) + eps)</c> (Zhang and Sennrich, 2019).</summary>
internal static unsafe class RmsNorm
{
    /// <summary>Normalises one vector; <paramref name="y"/> may be <paramref name="x"/>.</summary>
    /// <param name="x">The vector, [d].</param>
    /// <param name="weight">The learned weight, [d].</param>
    /// <param name="eps">Added to the mean square.</param>
    /// <param name="y">The result, [d].</param>
    public static void Normalize(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float eps, Span<float> y)
    {
        float scale = 1 / MathF.Sqrt(FixedSum.OfSquares(x) / x.Length + eps);
        fixed (float* from = x, w = weight[..x.Length], to = y[..x.Length])
            Scale(from, scale, w, to, x.Length);
    }

    // In one pass, and as wide as there is: each value is rounded twice, whatever is beside it.
    private static void Scale(float* x, float scale, float* weight, float* y, int count)
    {
        int i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (Vector512<float> scales = Vector512.Create(scale); i + Vector512<float>.Count <= count; i += Vector512<float>.Count)
                (Vector512.Load(x + i) * scales * Vector512.Load(weight + i)).Store(y + i);
        }
        for (Vector<float> scales = new(scale); i + Vector<float>.Count <= count; i += Vector<float>.Count)
            (Vector.Load(x + i) * scales * Vector.Load(weight + i)).Store(y + i);
        for (; i < count; i++)
            y[i] = x[i] * scale * weight[i];
    }

    /// <summary>Normalises each row of a matrix; <paramref name="y"/> may be <paramref name="x"/>.</summary>
    public static void Normalize(ActivationMatrix x, int rows, ReadOnlySpan<float> weight, float eps, ActivationMatrix y)
    {
        y.Reserve(rows);
        for (int row = 0; row < rows; row++)
            Normalize(x.Row(row), weight, eps, y.Row(row));
    }

    /// <summary>Normalises every head of a row in place without a weight: the value norm of Gemma 3n and 4.</summary>
    /// <param name="heads">The heads, [heads · head size].</param>
    /// <param name="headSize">Values of a head.</param>
    /// <param name="eps">Added to the mean square.</param>
    public static void NormalizeHeads(Span<float> heads, int headSize, float eps)
    {
        for (int at = 0; at < heads.Length; at += headSize)
        {
            Span<float> head = heads.Slice(at, headSize);
            TensorPrimitives.Multiply(head, 1 / MathF.Sqrt(FixedSum.OfSquares(head) / headSize + eps), head);
        }
    }

    /// <summary>Normalises every head of a row in place with the same weight [head dimension]: the q/k norm of Qwen3.</summary>
    public static void NormalizeHeads(Span<float> heads, ReadOnlySpan<float> weight, float eps)
    {
        for (int at = 0; at < heads.Length; at += weight.Length)
            Normalize(heads.Slice(at, weight.Length), weight, eps, heads.Slice(at, weight.Length));
    }
}
