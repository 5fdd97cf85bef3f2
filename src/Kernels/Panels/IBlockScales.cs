using System.Runtime.CompilerServices;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>How a product by one token takes the scales of blocks and of the token, of which it needs the product alone.</summary>
internal unsafe interface IBlockScales
{
    /// <summary>The token's scale of a group, in every lane.</summary>
    /// <param name="a">The scale.</param>
    /// <param name="largest">What was seen of these.</param>
    static abstract TVector OfToken<TVector>(float* a, ref TVector largest)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>The scales of a group of eight rows.</summary>
    static abstract TVector OfBlock<TVector, TCodes>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        where TCodes : struct, IPanelCodes;

    /// <summary>Notes the scales of two panels.</summary>
    static abstract void See<TVector>(ref TVector seen, TVector one, TVector other)
        where TVector : struct, IPanelVector<TVector>;

    /// <summary>Whether all that was seen were scales that this takes.</summary>
    static abstract bool Hold<TVector>(TVector seen, TVector largest)
        where TVector : struct, IPanelVector<TVector>;
}

/// <summary>Any scales.</summary>
internal readonly unsafe struct AnyScales : IBlockScales
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector OfToken<TVector>(float* a, ref TVector largest)
        where TVector : struct, IPanelVector<TVector>
        => TVector.BroadcastFloat(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector OfBlock<TVector, TCodes>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        where TCodes : struct, IPanelCodes
        => TCodes.Scale<TVector>(block, decoded, group);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void See<TVector>(ref TVector seen, TVector one, TVector other)
        where TVector : struct, IPanelVector<TVector>
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Hold<TVector>(TVector seen, TVector largest)
        where TVector : struct, IPanelVector<TVector>
        => true;
}

/// <summary>
/// Halves that are moved to where float32 has them and no more, 2^112 too small, by a token's scale that is 2^112 times as large: both exactly, so that the
/// product has the same bits. An infinity, a NaN and a token's scale of 65,536 or more cannot be had so; such are noticed.
/// </summary>
/// <remarks>
/// What the halves' exponents take otherwise is a tenth of the time of a block of Q4_0 (docs/lab/2026-11-28-gemma.md). What is noticed is any two exponents
/// that together have all bits: scales of 2 and more beside smaller ones, which no weights have, are taken for infinities and computed once more.
/// </remarks>
internal readonly unsafe struct MovedScales : IBlockScales
{
    private const int Exponent = 0x0F800000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector OfToken<TVector>(float* a, ref TVector largest)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector scale = TVector.Multiply(TVector.BroadcastFloat(a), TVector.Constant(MovedHalf.Scale));
        largest = TVector.MaxNative(largest, scale);
        return scale;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector OfBlock<TVector, TCodes>(byte* block, float* decoded, int group)
        where TVector : struct, IPanelVector<TVector>
        where TCodes : struct, IPanelCodes
        => TVector.LoadMovedHalves(block);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void See<TVector>(ref TVector seen, TVector one, TVector other)
        where TVector : struct, IPanelVector<TVector>
        => seen = TVector.Or(seen, TVector.Or(one, other));

    public static bool Hold<TVector>(TVector seen, TVector largest)
        where TVector : struct, IPanelVector<TVector>
    {
        int* bits = stackalloc int[16];
        TVector.Store(seen, (byte*)bits);
        TVector.Store(largest, (byte*)(bits + 8));
        bool holds = *(float*)(bits + 8) < float.PositiveInfinity;
        for (int row = 0; row < 8; row++)
            holds &= (bits[row] & Exponent) != Exponent;
        return holds;
    }
}
