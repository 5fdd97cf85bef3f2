using System.Numerics.Tensors;

namespace MeKi.Kernels;

/// <summary>The gated activation of the FFN: <c>SiLU(gate) ⊙ up</c>, SiLU(x) = x · sigmoid(x) (Shazeer, 2020).</summary>
public static class SwiGlu
{
    /// <summary>Computes <c>y = SiLU(gate) ⊙ up</c>, [n] each; <paramref name="y"/> must be neither input.</summary>
    public static void Activate(ReadOnlySpan<float> gate, ReadOnlySpan<float> up, Span<float> y)
    {
        TensorPrimitives.Sigmoid(gate, y);
        TensorPrimitives.Multiply(y, gate, y);
        TensorPrimitives.Multiply(y, up, y);
    }
}
