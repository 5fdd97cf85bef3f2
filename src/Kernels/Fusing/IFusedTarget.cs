using MeKi.Kernels.Panels;

namespace MeKi.Kernels.Fusing;

/// <summary>Where fused values go, block by block.</summary>
internal unsafe interface IFusedTarget
{
    /// <summary>Takes a block's values.</summary>
    /// <param name="block">Which 32 columns.</param>
    /// <param name="count">How many there are; fewer than 32 in a last block.</param>
    /// <param name="v">32 values.</param>
    void Take(int block, int count, float* v);
}

/// <summary>As they are: for weights of floats.</summary>
internal readonly unsafe struct FloatTarget(float* to) : IFusedTarget
{
    private readonly float* _to = to;

    public void Take(int block, int count, float* v) => new ReadOnlySpan<float>(v, count).CopyTo(new(_to + block * QuantizedActivations.BlockColumns, count));
}

/// <summary>Quantised: for weights in blocks.</summary>
internal readonly unsafe struct QuantizedTarget(QuantizedRow to) : IFusedTarget
{
    public void Take(int block, int count, float* v) => to.Quantize(block, v);
}
