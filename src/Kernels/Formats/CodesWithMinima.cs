using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Formats;

/// <summary>Unsigned codes from 0, with minima.</summary>
internal readonly unsafe struct CodesWithMinima : ICodeKind
{
    public static bool AreSigned => false;

    public static bool HaveMinima => true;

    public static bool HaveSubScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ByHalves<TVector>(int codeBits)
        where TVector : struct, ICodeVector<TVector>
        => TVector.DotsPerSum(codeBits) < 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int* Corrections(in QuantizedGroup tokens) => tokens.Sums;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Correction<TVector>(int* correction)
        where TVector : struct, ICodeVector<TVector>
        => TVector.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Expanded<TVector>(TVector codes)
        where TVector : struct, IPanelVector<TVector>
        => codes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Dot<TVector>(ref TVector sums, TVector codes, TVector four, int index)
        where TVector : struct, IPanelVector<TVector>
        => sums = TVector.AddDot(sums, codes, four, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector DotOfExpanded<TVector>(TVector sums, TVector codes, TVector four, int index)
        where TVector : struct, ICodeVector<TVector>
        => TVector.AddDot(sums, codes, four, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Integers<TVector>(TVector sums)
        where TVector : struct, ICodeVector<TVector>
        => TVector.Widen(sums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sum<TVector>(TVector first, TVector second, int codeBits, byte* subScales)
        where TVector : struct, IPanelVector<TVector>
        => ByHalves<TVector>(codeBits) ? TVector.AddIntegers(TVector.Widen(first), TVector.Widen(second)) : TVector.Widen(TVector.AddPartial(first, second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector AddHalf<TVector>(TVector integers, TVector sums, byte* subScales)
        where TVector : struct, ICodeVector<TVector>
        => TVector.AddWidened(integers, sums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add<TVector>(float* y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum)
        where TVector : struct, ICodeVector<TVector>
        => TVector.Store(TVector.NegatedMultiplyAdd(minima, TVector.BroadcastFloat(scaledSum), TVector.ScaledSum(sums, scales, scale, y)), (byte*)y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Joined<TVector>(TVector y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum)
        where TVector : struct, ICodeVector<TVector>
        => TVector.NegatedMultiplyAdd(minima, TVector.BroadcastFloat(scaledSum), TVector.ScaledSum(sums, scales, scale, y));
}
