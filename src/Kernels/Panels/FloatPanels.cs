using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The products of panels of floats with float32 activations. Even and odd columns have accumulators of their own, added at the end: two chains of fused
/// multiply-adds hide half of the instruction's latency of four cycles for one token, and memory the rest. One token and many give the same bits.
/// </summary>
/// <remarks>
/// Two panels by six tokens are a tile (<see cref="FloatTile{TWide}"/>). A run of columns is walked twice, the even ones first; widened to float32 they lie as
/// <code>
/// column 0: panel 0's 8 rows, panel 1's 8 rows | column 1: … | … | column 255 64 bytes a column, 16 KB beside 6 KB of activations in the first-level cache
/// </code>
/// One panel by four tokens over all columns would be ten loads for eight multiply-adds, and a panel of 1,024 columns would fill that cache by itself.
/// </remarks>
internal static unsafe class FloatPanels<TVector, TFloats>
    where TVector : struct, IPanelVector<TVector>
    where TFloats : struct, IPanelFloats
{
    /// <summary>Two panels by one token: eight results each.</summary>
    /// <param name="panel">A panel.</param>
    /// <param name="second">Another, best far from it: two streams of memory.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="x">The token.</param>
    /// <param name="y">Receives the first panel's [8].</param>
    /// <param name="z">Receives the second's.</param>
    public static void MultiplyVector(byte* panel, byte* second, int columns, float* x, float* y, float* z)
    {
        TVector even = TVector.Zero, odd = TVector.Zero, otherEven = TVector.Zero, otherOdd = TVector.Zero;
        int column = 0;
        for (; column + 2 <= columns; column += 2, panel += 2 * TFloats.ColumnBytes, second += 2 * TFloats.ColumnBytes)
        {
            TVector.Prefetch(panel + Prefetching.Bytes);
            TVector.Prefetch(second + Prefetching.Bytes);
            TVector a = TVector.BroadcastFloat(x + column), b = TVector.BroadcastFloat(x + column + 1);
            even = TVector.MultiplyAdd(TFloats.Load<TVector>(panel), a, even);
            odd = TVector.MultiplyAdd(TFloats.Load<TVector>(panel + TFloats.ColumnBytes), b, odd);
            otherEven = TVector.MultiplyAdd(TFloats.Load<TVector>(second), a, otherEven);
            otherOdd = TVector.MultiplyAdd(TFloats.Load<TVector>(second + TFloats.ColumnBytes), b, otherOdd);
        }
        if (column < columns)
        {
            TVector a = TVector.BroadcastFloat(x + column);
            even = TVector.MultiplyAdd(TFloats.Load<TVector>(panel), a, even);
            otherEven = TVector.MultiplyAdd(TFloats.Load<TVector>(second), a, otherEven);
        }
        TVector.Store(TVector.AddFloats(even, odd), (byte*)y);
        TVector.Store(TVector.AddFloats(otherEven, otherOdd), (byte*)z);
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

    /// <summary>sums ← sums + odd, [count], a multiple of eight.</summary>
    public static void AddSums(float* sums, float* odd, int count)
    {
        for (int i = 0; i < count; i += 8)
            TVector.Store(TVector.AddFloats(TVector.Load((byte*)(sums + i)), TVector.Load((byte*)(odd + i))), (byte*)(sums + i));
    }
}
