using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeKi.Kernels.Arm;

/// <summary>Dot products of four signed bytes in each 32-bit lane, exact in 32 bits.</summary>
internal unsafe interface INeonDot
{
    static abstract bool IsSupported<TNeon>()
        where TNeon : struct, INeon;

    /// <summary>Loads the first four of sixteen bytes, or all.</summary>
    static abstract Vector128<sbyte> Four<TNeon>(sbyte* x)
        where TNeon : struct, INeon;

    /// <summary>Loads the four bytes at <paramref name="x"/> + 4 · <paramref name="index"/>, unless <paramref name="four"/> has them already.</summary>
    static abstract Vector128<sbyte> BroadcastFourAt<TNeon>(Vector128<sbyte> four, sbyte* x, int index)
        where TNeon : struct, INeon;

    /// <summary>
    /// Adds to each 32-bit lane the product of its four bytes and of those that were loaded for this index, a constant; none of these is −128.
    /// </summary>
    static abstract Vector128<sbyte> Add<TNeon>(Vector128<sbyte> sums, Vector128<sbyte> codes, Vector128<sbyte> four, int index)
        where TNeon : struct, INeon;
}

/// <summary>SDOT by element, one instruction: FEAT_DotProd, in Cortex-A55, A75 and later cores. One load serves four dot products.</summary>
internal readonly unsafe struct DotProductDot : INeonDot
{
    public static bool IsSupported<TNeon>()
        where TNeon : struct, INeon
        => TNeon.SupportsDotProduct;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Four<TNeon>(sbyte* x)
        where TNeon : struct, INeon
        => Vector128.Load(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> BroadcastFourAt<TNeon>(Vector128<sbyte> four, sbyte* x, int index)
        where TNeon : struct, INeon
        => four;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Add<TNeon>(Vector128<sbyte> sums, Vector128<sbyte> codes, Vector128<sbyte> four, int index)
        where TNeon : struct, INeon
#pragma warning disable CA1857 // Kernels name the index; it is a constant once they are compiled.
        => TNeon.DotProductBySelectedQuadruplet(sums.AsInt32(), codes, four, (byte)index).AsSByte();
#pragma warning restore CA1857
}

/// <summary>SMULL, SMULL2, ADDP and SADALP: Cortex-A53 and A72. The sum of two products, 2 · 128 · 127 = 32,512, fits 16 bits.</summary>
internal readonly unsafe struct MultiplyWideningDot : INeonDot
{
    public static bool IsSupported<TNeon>()
        where TNeon : struct, INeon
        => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Four<TNeon>(sbyte* x)
        where TNeon : struct, INeon
        => TNeon.LoadAndReplicate((int*)x).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> BroadcastFourAt<TNeon>(Vector128<sbyte> four, sbyte* x, int index)
        where TNeon : struct, INeon
        => TNeon.LoadAndReplicate((int*)x + index).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Add<TNeon>(Vector128<sbyte> sums, Vector128<sbyte> codes, Vector128<sbyte> four, int index)
        where TNeon : struct, INeon
        => TNeon.AddPairwiseWideningAndAdd(sums.AsInt32(),
            TNeon.AddPairwise(TNeon.MultiplyWideningLower(codes, four), TNeon.MultiplyWideningUpper(codes, four))).AsSByte();
}
