using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>Signed bytes, where tokens are not split (<see cref="SignMagnitudeTile{TVector}"/>).</summary>
internal readonly unsafe struct SignedCodes<TVector> : ICodeKind<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Correction(int* correction) => TVector.SignedOffsetShift == 0 ? TVector.Zero : TVector.BroadcastNegated(correction, TVector.SignedOffsetShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Dot(TVector sums, TVector codes, TVector four, int index) => TVector.AddSignedDot(sums, codes, codes, four, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Integers(TVector sums) => sums;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector AddHalf(TVector integers, TVector sums, byte* subScales) => TVector.AddIntegers(integers, sums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum) =>
        CentredCodes<TVector>.Add(y, sums, scales, minima, scale, scaledSum);
}
