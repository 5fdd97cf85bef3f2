using System.Numerics.Tensors;
using MeKi.Kernels;

namespace MeKi.Model.Sampling;

/// <summary>The soft cap of logits, <c>c · tanh(x / c)</c>, in float64: the same bits everywhere. It keeps their order, but makes some equal that were
/// not.</summary>
internal static class SoftCap
{
    /// <summary>The most logits of a call.</summary>
    public const int Chunk = 512;

    /// <summary>Caps some logits in place, at most <see cref="Chunk"/>.</summary>
    public static void Apply(Span<float> logits, float cap)
    {
        // Tokens that are ruled out stay so.
        for (int excluded = logits.IndexOf(float.NegativeInfinity); excluded >= 0; excluded = logits.IndexOf(float.NegativeInfinity))
        {
            Apply(logits[..excluded], cap);
            logits = logits[(excluded + 1)..];
        }
        Span<double> power = stackalloc double[logits.Length];
        TensorPrimitives.ConvertTruncating<float, double>(logits, power);
        TensorPrimitives.Divide(power, cap, power);
        TensorPrimitives.Multiply(power, 2, power);
        FixedMath.Exp(power);
        // tanh(y) = 1 − 2 / (e^2y + 1).
        TensorPrimitives.Add(power, 1, power);
        TensorPrimitives.Divide(2, power, power);
        TensorPrimitives.Subtract(1, power, power);
        TensorPrimitives.Multiply(power, cap, power);
        TensorPrimitives.ConvertTruncating<double, float>(power, logits);
    }

    /// <summary>The smallest logit that becomes the same as another one.</summary>
    public static float LeastOfEqual(float logit, float cap)
    {
        float capped = Of(logit, cap);
        // Floats in their order are integers in theirs.
        long above = Order(logit), below = Order(float.NegativeInfinity);
        while (above - below > 1)
        {
            long middle = (above + below) >> 1;
            if (Of(InOrder(middle), cap) == capped)
                above = middle;
            else
                below = middle;
        }
        return InOrder(above);
    }

    private static float Of(float logit, float cap)
    {
        Span<float> one = [logit];
        Apply(one, cap);
        return one[0];
    }

    private static long Order(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        return bits >= 0 ? bits : -(long)(bits & int.MaxValue);
    }

    private static float InOrder(long order) =>
        BitConverter.Int32BitsToSingle(order >= 0 ? (int)order : (int)-order | int.MinValue);
}
