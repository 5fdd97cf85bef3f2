using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Formats;

/// <summary>Unsigned codes around 32, with sub-scales for half groups.</summary>
internal readonly unsafe struct SubScaledCodes : ICodeKind
{
    public static bool AreSigned => false;

    public static bool HaveMinima => false;

    public static bool HaveSubScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ByHalves<TVector>(int codeBits)
        where TVector : struct, ICodeVector<TVector>
        => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int* Corrections(in QuantizedGroup tokens) => tokens.CentreCorrections32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Correction<TVector>(int* correction)
        where TVector : struct, ICodeVector<TVector>
        => TVector.StartPartial(correction);

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
        => TVector.AddScaled(TVector.AddScaled(TVector.Zero, first, TVector.LoadSubScales(subScales)), second, TVector.LoadSubScales(subScales + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector AddHalf<TVector>(TVector integers, TVector sums, byte* subScales)
        where TVector : struct, ICodeVector<TVector>
        => TVector.AddScaled(integers, sums, TVector.Load(subScales));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add<TVector>(float* y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum)
        where TVector : struct, ICodeVector<TVector>
        => TVector.Store(TVector.ScaledSum(sums, scales, scale, y), (byte*)y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Joined<TVector>(TVector y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum)
        where TVector : struct, ICodeVector<TVector>
        => TVector.ScaledSum(sums, scales, scale, y);
}
