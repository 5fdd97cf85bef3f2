using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>Unsigned codes around 8.</summary>
internal readonly unsafe struct CentredCodes<TVector> : ICodeKind<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Correction(int* correction) => TVector.StartPartial(correction);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Dot(TVector sums, TVector codes, TVector four, int index) => TVector.AddDot(sums, codes, four, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Integers(TVector sums) => TVector.Widen(sums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector AddHalf(TVector integers, TVector sums, byte* subScales) => TVector.AddIntegers(integers, TVector.Widen(sums));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum) =>
        TVector.Store(TVector.ScaledSum(sums, scales, scale, y), (byte*)y);
}
