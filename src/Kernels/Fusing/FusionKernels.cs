using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Fusing;

/// <summary>
/// The fuse of one instruction set: <c>v = e ∘ act(g)</c> (<see cref="Fusion"/>) straight from a stored row to the form in which a product takes its input.
/// </summary>
internal abstract class FusionKernels
{
    /// <summary>Fuses one token's row to floats, for weights of floats; any number of columns.</summary>
    /// <param name="row">The row e, [m].</param>
    /// <param name="fusion">How.</param>
    /// <param name="gate">g, [m].</param>
    /// <param name="v">The result, [m].</param>
    public abstract void Fuse(StoredRow row, Fusion fusion, ReadOnlySpan<float> gate, Span<float> v);

    /// <summary>Fuses one token's row to 8-bit blocks, for weights in blocks; m is a multiple of 32.</summary>
    /// <param name="row">The row e, [m].</param>
    /// <param name="fusion">How.</param>
    /// <param name="gate">g, [m].</param>
    /// <param name="to">Receives them.</param>
    public abstract void Fuse(StoredRow row, Fusion fusion, ReadOnlySpan<float> gate, QuantizedRow to);
}

/// <summary>The fuse in one vocabulary of vectors: which walk a row type and a fusion take.</summary>
internal sealed unsafe class VectorFusionKernels<TVector> : FusionKernels
    where TVector : struct, IPanelVector<TVector>
{
    public override void Fuse(StoredRow row, Fusion fusion, ReadOnlySpan<float> gate, Span<float> v)
    {
        fixed (float* to = v)
            OfAnyRow(row, fusion, gate, new FloatTarget(to));
    }

    public override void Fuse(StoredRow row, Fusion fusion, ReadOnlySpan<float> gate, QuantizedRow to) =>
        OfAnyRow(row, fusion, gate, new QuantizedTarget(to));

    private static void OfAnyRow<TTarget>(StoredRow row, Fusion fusion, ReadOnlySpan<float> gate, TTarget target)
        where TTarget : struct, IFusedTarget
    {
        switch (row.Type)
        {
            case RowType.F32: OfRow<F32Values, TTarget>(row, fusion, gate, target); break;
            case RowType.F16: OfRow<F16Values, TTarget>(row, fusion, gate, target); break;
            case RowType.Int8: OfRow<Int8Values, TTarget>(row, fusion, gate, target); break;
            default: OfRow<Int4Values, TTarget>(row, fusion, gate, target); break;
        }
    }

    private static void OfRow<TRow, TTarget>(StoredRow row, Fusion fusion, ReadOnlySpan<float> gate, TTarget target)
        where TRow : struct, IRowValues
        where TTarget : struct, IFusedTarget
    {
        switch (fusion)
        {
            case Fusion.AdditiveSigmoid: FuseLoop<TVector, TRow, AdditiveSigmoid>.Run(row, gate, target); break;
            case Fusion.AdditiveSilu: FuseLoop<TVector, TRow, AdditiveSilu>.Run(row, gate, target); break;
            case Fusion.MultiplicativeSigmoid: FuseLoop<TVector, TRow, MultiplicativeSigmoid>.Run(row, gate, target); break;
            case Fusion.MultiplicativeSilu: FuseLoop<TVector, TRow, MultiplicativeSilu>.Run(row, gate, target); break;
            default: FuseLoop<TVector, TRow, MultiplicativeGelu>.Run(row, gate, target); break;
        }
    }
}
