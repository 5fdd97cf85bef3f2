using System.Runtime.CompilerServices;
using MeKi.Kernels.Panels;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.KeyValues;

/// <summary>
/// Q8_0 keys, which are panels like weights (<see cref="IntegerPanels{TVector, TCodes}"/> has them for many rows), for one query or two; and weighted sums of Q8_0
/// values: a position's weight meets its scale first, then codes by multiply-adds.
/// </summary>
internal static unsafe class QuantizedKernels<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    /// <summary>The scores of the first two of four interleaved queries at eight positions: one load and one magnitude of the codes serve both.</summary>
    /// <param name="panel">The positions' keys.</param>
    /// <param name="blocks">Blocks of 32 columns.</param>
    /// <param name="ahead">How many bytes ahead to ask for.</param>
    /// <param name="queries">The queries.</param>
    /// <param name="scores">Receives the first one's eight scores.</param>
    /// <param name="others">Receives the second one's.</param>
    public static void ScoreTwo(byte* panel, int blocks, nint ahead, in QuantizedGroup queries, float* scores, float* others)
    {
        TVector first = TVector.Zero, second = TVector.Zero;
        sbyte* x = queries.Codes;
        int* sums = queries.Sums;
        for (float* a = queries.Scales, end = a + 4 * blocks; a < end; a += 4, sums += 4)
        {
            for (int line = 0; TVector.Prefetches && line < Q8_0Codes.BlockBytes; line += 64)
                TVector.Prefetch(panel + ahead + line);
            TVector p = Start(sums), q = Start(sums + 1), scale = TVector.LoadHalves(panel);
            panel += Q8_0Codes.CodesAt;
            for (byte* codes = panel + 256; panel < codes; panel += 32, x += 16)
            {
                TVector w = TVector.Load(panel), magnitudes = TVector.Magnitudes(w), four = TVector.Four(x);
                p = TVector.AddSignedDot(p, w, magnitudes, four, 0);
                q = TVector.AddSignedDot(q, w, magnitudes, TVector.NextFour(four, x, 1), 1);
            }
            first = TVector.MultiplyAdd(TVector.ToFloat(p), TVector.Multiply(scale, TVector.BroadcastFloat(a)), first);
            second = TVector.MultiplyAdd(TVector.ToFloat(q), TVector.Multiply(scale, TVector.BroadcastFloat(a + 1)), second);
        }
        TVector.Store(first, (byte*)scores);
        TVector.Store(second, (byte*)others);
    }

    /// <summary>Weights times the scales of some positions.</summary>
    /// <param name="scales">The positions' scales, half precision.</param>
    /// <param name="weights">The positions' weights.</param>
    /// <param name="count">Positions, a multiple of eight.</param>
    /// <param name="to">Receives [count].</param>
    public static void ScaleWeights(byte* scales, float* weights, int count, float* to)
    {
        for (int i = 0; i < count; i += 8)
            TVector.Store(TVector.Multiply(TVector.LoadHalves(scales + 2 * i), TVector.Load((byte*)(weights + i))), (byte*)(to + i));
    }

    /// <summary>Two weighted sums of 32 columns of codes, 32 bytes for a position. Positions are a multiple of two, a cache line.</summary>
    public static void SumTwo(byte* codes, int positions, nint ahead, float* x, float* y, float* sums, float* others)
    {
        TVector x0 = TVector.Zero, x1 = TVector.Zero, x2 = TVector.Zero, x3 = TVector.Zero;
        TVector y0 = TVector.Zero, y1 = TVector.Zero, y2 = TVector.Zero, y3 = TVector.Zero;
        for (float* end = x + positions; x < end; x += 2, y += 2, codes += 64)
        {
            TVector.Prefetch(codes + ahead);
            TVector a = TVector.BroadcastFloat(x), b = TVector.BroadcastFloat(y);
            TVector v = TVector.LoadSignedBytesAsFloat(codes);
            x0 = TVector.MultiplyAdd(v, a, x0);
            y0 = TVector.MultiplyAdd(v, b, y0);
            v = TVector.LoadSignedBytesAsFloat(codes + 8);
            x1 = TVector.MultiplyAdd(v, a, x1);
            y1 = TVector.MultiplyAdd(v, b, y1);
            v = TVector.LoadSignedBytesAsFloat(codes + 16);
            x2 = TVector.MultiplyAdd(v, a, x2);
            y2 = TVector.MultiplyAdd(v, b, y2);
            v = TVector.LoadSignedBytesAsFloat(codes + 24);
            x3 = TVector.MultiplyAdd(v, a, x3);
            y3 = TVector.MultiplyAdd(v, b, y3);
            (a, b, v) = (TVector.BroadcastFloat(x + 1), TVector.BroadcastFloat(y + 1), TVector.LoadSignedBytesAsFloat(codes + 32));
            x0 = TVector.MultiplyAdd(v, a, x0);
            y0 = TVector.MultiplyAdd(v, b, y0);
            v = TVector.LoadSignedBytesAsFloat(codes + 40);
            x1 = TVector.MultiplyAdd(v, a, x1);
            y1 = TVector.MultiplyAdd(v, b, y1);
            v = TVector.LoadSignedBytesAsFloat(codes + 48);
            x2 = TVector.MultiplyAdd(v, a, x2);
            y2 = TVector.MultiplyAdd(v, b, y2);
            v = TVector.LoadSignedBytesAsFloat(codes + 56);
            x3 = TVector.MultiplyAdd(v, a, x3);
            y3 = TVector.MultiplyAdd(v, b, y3);
        }
        Store(sums, x0, x1, x2, x3);
        Store(others, y0, y1, y2, y3);
    }

    /// <summary>One weighted sum of 32 columns of codes.</summary>
    public static void SumOne(byte* codes, int positions, nint ahead, float* x, float* sums)
    {
        TVector x0 = TVector.Zero, x1 = TVector.Zero, x2 = TVector.Zero, x3 = TVector.Zero;
        for (float* end = x + positions; x < end; x++, codes += 32)
        {
            TVector.Prefetch(codes + ahead);
            TVector a = TVector.BroadcastFloat(x);
            x0 = TVector.MultiplyAdd(TVector.LoadSignedBytesAsFloat(codes), a, x0);
            x1 = TVector.MultiplyAdd(TVector.LoadSignedBytesAsFloat(codes + 8), a, x1);
            x2 = TVector.MultiplyAdd(TVector.LoadSignedBytesAsFloat(codes + 16), a, x2);
            x3 = TVector.MultiplyAdd(TVector.LoadSignedBytesAsFloat(codes + 24), a, x3);
        }
        Store(sums, x0, x1, x2, x3);
    }

    /// <summary>Widens codes to [positions × 32].</summary>
    public static void WidenValues(byte* codes, int positions, float* to)
    {
        for (byte* end = codes + 32L * positions; codes < end; codes += 8, to += 8)
            TVector.Store(TVector.LoadSignedBytesAsFloat(codes), (byte*)to);
    }

    // Codes may enter the dot product larger by 2^shift.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Start(int* sum) => TVector.SignedOffsetShift > 0 ? TVector.BroadcastNegated(sum, TVector.SignedOffsetShift) : TVector.Zero;

    private static void Store(float* to, TVector a, TVector b, TVector c, TVector d)
    {
        TVector.Store(a, (byte*)to);
        TVector.Store(b, (byte*)(to + 8));
        TVector.Store(c, (byte*)(to + 16));
        TVector.Store(d, (byte*)(to + 24));
    }
}
