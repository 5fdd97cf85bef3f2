using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>Unsigned codes from 0, with minima.</summary>
internal readonly unsafe struct CodesWithMinima<TVector> : ICodeKind<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Correction(int* correction) => TVector.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Dot(TVector sums, TVector codes, TVector four, int index) => TVector.AddDot(sums, codes, four, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Integers(TVector sums) => TVector.Widen(sums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector AddHalf(TVector integers, TVector sums, byte* subScales) => TVector.AddIntegers(integers, TVector.Widen(sums));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum) =>
        TVector.Store(TVector.NegatedMultiplyAdd(minima, TVector.BroadcastFloat(scaledSum), TVector.ScaledSum(sums, scales, scale, y)), (byte*)y);
}
