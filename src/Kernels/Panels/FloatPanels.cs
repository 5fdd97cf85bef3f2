using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>The decoder of a panel format whose columns are eight floats.</summary>
internal unsafe interface IPanelFloats
{
    static abstract int ColumnBytes { get; }

    static abstract TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>;
}

/// <summary>F32.</summary>
internal readonly unsafe struct F32Floats : IPanelFloats
{
    public static int ColumnBytes => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load(column);
}

/// <summary>F16.</summary>
internal readonly unsafe struct F16Floats : IPanelFloats
{
    public static int ColumnBytes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LoadHalves(column);
}

/// <summary>BF16.</summary>
internal readonly unsafe struct BF16Floats : IPanelFloats
{
    public static int ColumnBytes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* column)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LoadBrainFloats(column);
}

/// <summary>
/// The products of panels of floats with float32 activations. Even and odd columns have accumulators of their own, added at the end: two chains of fused multiply-adds
/// hide half of the instruction's latency of four cycles for one token, and memory the rest. One token and four give the same bits.
/// </summary>
/// <remarks>
/// A tile is two panels by four tokens, eight chains, which takes six loads for eight multiply-adds. For sixteen chains there are not enough registers, so that a run of columns is walked
/// twice, the even ones first: columns that were widened to float32 lie as
/// <code>
/// column 0: panel 0's 8 rows, panel 1's 8 rows | column 1: … | … | column 255        64 bytes a column, 16 KB beside 4 KB of activations in the first-level cache
/// </code>
/// One panel by four tokens over all columns took ten loads for eight multiply-adds, and a panel of 1,024 columns filled that cache by itself: a prompt of 512 tokens on F16 weights was half as fast.
/// </remarks>
internal static unsafe class FloatPanels<TVector, TFloats>
    where TVector : struct, IPanelVector<TVector>
    where TFloats : struct, IPanelFloats
{
    /// <summary>One panel by one token: eight results.</summary>
    public static void MultiplyVector(byte* panel, int columns, float* x, int ahead, float* y)
    {
        TVector even = TVector.Zero, odd = TVector.Zero;
        int column = 0;
        for (; column + 2 <= columns; column += 2, panel += 2 * TFloats.ColumnBytes)
        {
            TVector.Prefetch(panel + ahead);
            even = TVector.MultiplyAdd(TFloats.Load<TVector>(panel), TVector.BroadcastFloat(x + column), even);
            odd = TVector.MultiplyAdd(TFloats.Load<TVector>(panel + TFloats.ColumnBytes), TVector.BroadcastFloat(x + column + 1), odd);
        }
        if (column < columns)
            even = TVector.MultiplyAdd(TFloats.Load<TVector>(panel), TVector.BroadcastFloat(x + column), even);
        TVector.Store(TVector.AddFloats(even, odd), (byte*)y);
    }

    /// <summary>Widens columns of one of two panels.</summary>
    /// <param name="columns">The first of them.</param>
    /// <param name="count">How many.</param>
    /// <param name="expanded">Where the first goes, [count][2 panels][8 rows], of this panel.</param>
    public static void Expand(byte* columns, int count, float* expanded)
    {
        for (int column = 0; column < count; column++)
            TVector.Store(TFloats.Load<TVector>(columns + column * TFloats.ColumnBytes), (byte*)(expanded + 16 * column));
    }

    /// <summary>Every second column of two panels by four tokens, added to what <paramref name="sums"/> holds.</summary>
    /// <param name="expanded">The first column.</param>
    /// <param name="count">How many.</param>
    /// <param name="x">The first token's value for it; columns after it lie two apart.</param>
    /// <param name="stride">Floats from token to token.</param>
    /// <param name="sums">[4 tokens][2 panels][8 rows].</param>
    public static void AddTile(float* expanded, int count, float* x, nint stride, float* sums)
    {
        TVector a0 = Sum(sums, 0), b0 = Sum(sums, 1), a1 = Sum(sums, 2), b1 = Sum(sums, 3), a2 = Sum(sums, 4), b2 = Sum(sums, 5), a3 = Sum(sums, 6), b3 = Sum(sums, 7);
        float* end = expanded + 32 * (nint)count;
        for (; expanded < end; expanded += 32, x += 2)
        {
            TVector a = TVector.Load((byte*)expanded), b = TVector.Load((byte*)(expanded + 8)), value = TVector.BroadcastFloat(x);
            a0 = TVector.MultiplyAdd(a, value, a0);
            b0 = TVector.MultiplyAdd(b, value, b0);
            value = TVector.BroadcastFloat(x + stride);
            a1 = TVector.MultiplyAdd(a, value, a1);
            b1 = TVector.MultiplyAdd(b, value, b1);
            value = TVector.BroadcastFloat(x + 2 * stride);
            a2 = TVector.MultiplyAdd(a, value, a2);
            b2 = TVector.MultiplyAdd(b, value, b2);
            value = TVector.BroadcastFloat(x + 3 * stride);
            a3 = TVector.MultiplyAdd(a, value, a3);
            b3 = TVector.MultiplyAdd(b, value, b3);
        }
        Store(a0, sums, 0);
        Store(b0, sums, 1);
        Store(a1, sums, 2);
        Store(b1, sums, 3);
        Store(a2, sums, 4);
        Store(b2, sums, 5);
        Store(a3, sums, 6);
        Store(b3, sums, 7);
    }

    /// <summary>sums ← sums + odd, [count vectors].</summary>
    public static void AddSums(float* sums, float* odd, int count)
    {
        for (int i = 0; i < count; i++)
            Store(TVector.AddFloats(Sum(sums, i), Sum(odd, i)), sums, i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Sum(float* sums, int index) => TVector.Load((byte*)(sums + 8 * index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TVector sum, float* sums, int index) => TVector.Store(sum, (byte*)(sums + 8 * index));
}
