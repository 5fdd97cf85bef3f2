using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// What the tiles of integer formats differ in: the dot product of a chunk, and how two panels' integer sums join the float sums. Types, not branches: the just-in-time
/// compiler would inline both sides of a branch before it knows the condition, and stop at its limit.
/// </summary>
internal unsafe interface ITileKind<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    /// <summary>What <see cref="Dot"/> wants to know of the codes.</summary>
    static abstract TVector Prepare(TVector codes);

    /// <summary>What a token's sums of a group start with: the correction for codes that are larger than what they stand for.</summary>
    /// <param name="sum">Sum of the token's codes.</param>
    /// <param name="zeroShift">As <see cref="IPanelCodes.ZeroShift"/> says.</param>
    static abstract TVector Start(int* sum, int zeroShift);

    /// <summary>Adds a chunk's products.</summary>
    static abstract TVector Dot(TVector sums, TVector codes, TVector prepared, TVector four, int index);

    /// <summary>Adds one token's sums of a group to [2 panels × 8] floats.</summary>
    /// <param name="y">The floats.</param>
    /// <param name="s">Sums of the first panel.</param>
    /// <param name="t">Sums of the second.</param>
    /// <param name="scales">The group's scales in both, [2 × 8].</param>
    /// <param name="minima">The group's minima in both, [2 × 8].</param>
    /// <param name="scale">The token's scale.</param>
    /// <param name="scaledSum">Its product with the sum of the token's codes.</param>
    static abstract void Add(float* y, TVector s, TVector t, float* scales, float* minima, float* scale, float* scaledSum);
}

/// <summary>Unsigned codes around 2^ZeroShift.</summary>
internal readonly unsafe struct UnsignedTile<TVector> : ITileKind<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Prepare(TVector codes) => codes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Start(int* sum, int zeroShift) => TVector.BroadcastNegated(sum, zeroShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Dot(TVector sums, TVector codes, TVector prepared, TVector four, int index) => TVector.AddDot(sums, codes, four, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* y, TVector s, TVector t, float* scales, float* minima, float* scale, float* scaledSum)
    {
        TVector a = TVector.BroadcastFloat(scale);
        TVector.Store(TVector.MultiplyAdd(TVector.ToFloat(s), TVector.Multiply(TVector.Load((byte*)scales), a), TVector.Load((byte*)y)), (byte*)y);
        TVector.Store(TVector.MultiplyAdd(TVector.ToFloat(t), TVector.Multiply(TVector.Load((byte*)(scales + 8)), a), TVector.Load((byte*)(y + 8))), (byte*)(y + 8));
    }
}

/// <summary>Unsigned codes from 0, with minima.</summary>
internal readonly unsafe struct MinimaTile<TVector> : ITileKind<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Prepare(TVector codes) => codes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Start(int* sum, int zeroShift) => TVector.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Dot(TVector sums, TVector codes, TVector prepared, TVector four, int index) => TVector.AddDot(sums, codes, four, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* y, TVector s, TVector t, float* scales, float* minima, float* scale, float* scaledSum)
    {
        TVector a = TVector.BroadcastFloat(scale), x = TVector.BroadcastFloat(scaledSum);
        TVector first = TVector.MultiplyAdd(TVector.ToFloat(s), TVector.Multiply(TVector.Load((byte*)scales), a), TVector.Load((byte*)y));
        TVector.Store(TVector.NegatedMultiplyAdd(TVector.Load((byte*)minima), x, first), (byte*)y);
        TVector second = TVector.MultiplyAdd(TVector.ToFloat(t), TVector.Multiply(TVector.Load((byte*)(scales + 8)), a), TVector.Load((byte*)(y + 8)));
        TVector.Store(TVector.NegatedMultiplyAdd(TVector.Load((byte*)(minima + 8)), x, second), (byte*)(y + 8));
    }
}

/// <summary>Signed bytes.</summary>
internal readonly unsafe struct SignedTile<TVector> : ITileKind<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Prepare(TVector codes) => TVector.Magnitudes(codes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Start(int* sum, int zeroShift) => TVector.SignedOffsetShift == 0 ? TVector.Zero : TVector.BroadcastNegated(sum, TVector.SignedOffsetShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Dot(TVector sums, TVector codes, TVector prepared, TVector four, int index) => TVector.AddSignedDot(sums, codes, prepared, four, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* y, TVector s, TVector t, float* scales, float* minima, float* scale, float* scaledSum) =>
        UnsignedTile<TVector>.Add(y, s, t, scales, minima, scale, scaledSum);
}
