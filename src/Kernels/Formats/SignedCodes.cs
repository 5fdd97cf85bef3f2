using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Formats;

/// <summary>Signed bytes. Where a machine multiplies them with other unsigned ones, they are larger by a power of two, which is corrected for.</summary>
internal readonly unsafe struct SignedCodes : ICodeKind
{
    public static bool AreSigned => true;

    public static bool HaveMinima => false;

    public static bool HaveSubScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ByHalves<TVector>(int codeBits)
        where TVector : struct, ICodeVector<TVector>
        => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int* Corrections(in QuantizedGroup tokens) => tokens.Sums;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Correction<TVector>(int* correction)
        where TVector : struct, ICodeVector<TVector>
        => TVector.SignedOffsetShift == 0 ? TVector.Zero : TVector.BroadcastNegated(correction, TVector.SignedOffsetShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Expanded<TVector>(TVector codes)
        where TVector : struct, IPanelVector<TVector>
        // Where several tokens usually come with signs of their own, codes keep theirs.
        => TVector.TakesSignMagnitudes ? codes : TVector.Magnitudes(codes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Dot<TVector>(ref TVector sums, TVector codes, TVector four, int index)
        where TVector : struct, IPanelVector<TVector>
        => sums = TVector.AddSignedDot(sums, codes, TVector.Magnitudes(codes), four, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector DotOfExpanded<TVector>(TVector sums, TVector codes, TVector four, int index)
        where TVector : struct, ICodeVector<TVector>
        => TVector.AddSignedDot(sums, codes, TVector.TakesSignMagnitudes ? TVector.Magnitudes(codes) : codes, four, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Integers<TVector>(TVector sums)
        where TVector : struct, ICodeVector<TVector>
        => sums;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sum<TVector>(TVector first, TVector second, int codeBits, byte* subScales)
        where TVector : struct, IPanelVector<TVector>
        => TVector.AddIntegers(first, second);

    // Sums of 32 bits hold a whole group.
    public static TVector AddHalf<TVector>(TVector integers, TVector sums, byte* subScales)
        where TVector : struct, ICodeVector<TVector>
        => throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add<TVector>(float* y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum)
        where TVector : struct, ICodeVector<TVector>
        => TVector.Store(TVector.ScaledSum(sums, scales, scale, y), (byte*)y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Joined<TVector>(TVector y, TVector sums, float* scales, float* minima, TVector scale, float* scaledSum)
        where TVector : struct, ICodeVector<TVector>
        => TVector.ScaledSum(sums, scales, scale, y);
}
