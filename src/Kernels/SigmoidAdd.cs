using System.Numerics.Tensors;

namespace MeKi.Kernels;

/// <summary>The fuse of MeKi's best variant, additive-sigmoid: <c>v = e + sigmoid(gate)</c> (paper, equations 4 and 5).</summary>
public static class SigmoidAdd
{
    /// <summary>Computes <c>v = e + sigmoid(gate)</c>, [m] each; <paramref name="v"/> may be <paramref name="gate"/>, not <paramref name="e"/>.</summary>
    public static void Fuse(ReadOnlySpan<float> e, ReadOnlySpan<float> gate, Span<float> v)
    {
        TensorPrimitives.Sigmoid(gate, v);
        TensorPrimitives.Add(v, e, v);
    }
}
