using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Fusing;

/// <summary>One way to fuse, eight values at a time; <see cref="Fusion"/> has the formulas.</summary>
internal interface IFusion
{
    static abstract TVector Fuse<TVector>(TVector e, TVector gate)
        where TVector : struct, IPanelVector<TVector>;
}

/// <summary><see cref="Fusion.AdditiveSigmoid"/>.</summary>
internal readonly struct AdditiveSigmoid : IFusion
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Fuse<TVector>(TVector e, TVector gate)
        where TVector : struct, IPanelVector<TVector>
        => TVector.AddFloats(e, Logistic.Sigmoid(gate));
}

/// <summary><see cref="Fusion.AdditiveSilu"/>.</summary>
internal readonly struct AdditiveSilu : IFusion
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Fuse<TVector>(TVector e, TVector gate)
        where TVector : struct, IPanelVector<TVector>
        => TVector.AddFloats(e, Logistic.Silu(gate));
}

/// <summary><see cref="Fusion.MultiplicativeSigmoid"/>.</summary>
internal readonly struct MultiplicativeSigmoid : IFusion
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Fuse<TVector>(TVector e, TVector gate)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Multiply(e, Logistic.Sigmoid(gate));
}

/// <summary><see cref="Fusion.MultiplicativeSilu"/>.</summary>
internal readonly struct MultiplicativeSilu : IFusion
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Fuse<TVector>(TVector e, TVector gate)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Multiply(e, Logistic.Silu(gate));
}

/// <summary><see cref="Fusion.MultiplicativeGelu"/>.</summary>
internal readonly struct MultiplicativeGelu : IFusion
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Fuse<TVector>(TVector e, TVector gate)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Multiply(e, Logistic.Gelu(gate));
}
