using MeKi.Kernels.Fusing;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Scalar;

/// <summary>
/// The fuse in plain loops: the row is decoded, then fused value by value. The meaning of the vector kernels, with which it agrees to the last bit.
/// </summary>
internal sealed unsafe class ScalarFusionKernels : FusionKernels
{
    [ThreadStatic]
    private static float[]? t_values;

    public override void Fuse(StoredRow row, Fusion fusion, ReadOnlySpan<float> gate, Span<float> v)
    {
        row.Decode(v);
        for (int i = 0; i < v.Length; i++)
        {
            v[i] = fusion switch
            {
                Fusion.AdditiveSigmoid => v[i] + Logistic.Sigmoid(gate[i]),
                Fusion.AdditiveSilu => v[i] + Logistic.Silu(gate[i]),
                Fusion.MultiplicativeSigmoid => v[i] * Logistic.Sigmoid(gate[i]),
                Fusion.MultiplicativeSilu => v[i] * Logistic.Silu(gate[i]),
                _ => v[i] * Logistic.Gelu(gate[i]),
            };
        }
    }

    public override void Fuse(StoredRow row, Fusion fusion, ReadOnlySpan<float> gate, QuantizedRow to)
    {
        if (t_values is null || t_values.Length < gate.Length)
            t_values = new float[gate.Length];
        Span<float> values = t_values.AsSpan(0, gate.Length);
        Fuse(row, fusion, gate, values);
        fixed (float* v = values)
        {
            for (int block = 0; block < gate.Length / QuantizedActivations.BlockColumns; block++)
                to.Quantize(block, v + block * QuantizedActivations.BlockColumns);
        }
    }
}
