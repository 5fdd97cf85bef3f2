using MeKi.Kernels.Fusing;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Operations;

/// <summary>
/// The fuse of the MeKi branch: <c>v = e ∘ act(W_g h)</c> (paper, equations 5 and 17) from stored rows as they lie, in one pass, to the input of W_o in the
/// form its product takes: 8-bit blocks where the weights are in blocks, floats where they are floats. Rows whose length is not a multiple of 32 meet float
/// weights only. The FFN's SwiGLU is the same operation on a row that was computed: <see cref="Fusion.MultiplicativeSilu"/> of up and gate (Shazeer, arXiv
/// 2002.05202).
/// </summary>
/// <param name="fusion">How.</param>
internal sealed class RowFusion(Fusion fusion)
{
    private readonly FusionKernels _kernels = KernelSet.Selected.Fusion;
    private readonly QuantizedActivations _codes = new();

    /// <summary>v, [tokens × m]: an input for the product with the matrix that <see cref="Reserve"/> was told, and no other.</summary>
    public ActivationMatrix Fused { get; } = new();

    /// <summary>Makes room for some tokens.</summary>
    /// <param name="tokens">How many; <see cref="Fuse"/> is to be called for each.</param>
    /// <param name="weight">W_o.</param>
    public void Reserve(int tokens, PanelMatrix weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Fused.Shape(weight.Columns);
        Fused.Codes = weight.TakesCodes ? _codes : null;
        if (weight.TakesCodes)
            _codes.Reserve(tokens, weight.Columns);
        else
            Fused.Reserve(tokens);
    }

    /// <summary>Fuses a token; tokens may be fused on several threads at once.</summary>
    /// <param name="token">Which.</param>
    /// <param name="row">Its expert row e, [m].</param>
    /// <param name="gate">W_g h, [m].</param>
    /// <param name="first">Where in v the row lies, a multiple of 32, if it is a part.</param>
    public void Fuse(int token, StoredRow row, ReadOnlySpan<float> gate, int first = 0)
    {
        if (Fused.Codes is { } codes)
            _kernels.Fuse(row, fusion, gate, codes.Row(token, first / QuantizedActivations.BlockColumns));
        else
            _kernels.Fuse(row, fusion, gate, Fused.Row(token).Slice(first, gate.Length));
    }
}
