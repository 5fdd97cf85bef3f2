using System.Runtime.CompilerServices;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Panels;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Attending;

/// <summary>
/// Q8_0 keys, which are panels like weights (<see cref="IntegerPanels{TVector, TCodes, TKind}"/> has them for many rows), for one query or two; and weighted
/// sums of Q8_0 values: a position's weight meets its scale first, then codes by multiply-adds.
/// </summary>
internal static unsafe class QuantizedAttention<TVector, TWide>
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
{
    /// <summary>The scores of the first two of four interleaved queries at sixteen positions: one load and one magnitude of the codes serve both.</summary>
    /// <param name="panel">The first eight positions' keys.</param>
    /// <param name="next">The other eight's.</param>
    /// <param name="blocks">Blocks of 32 columns.</param>
    /// <param name="ahead">How many bytes ahead to ask for.</param>
    /// <param name="queries">The queries.</param>
    /// <param name="scores">Receives the first one's sixteen scores.</param>
    /// <param name="others">Receives the second one's.</param>
    public static void ScoreTwo(byte* panel, byte* next, int blocks, nint ahead, in QuantizedGroup queries, float* scores, float* others)
    {
        TVector a0 = TVector.Zero, a1 = a0, b0 = a0, b1 = a0;
        sbyte* x = queries.Codes;
        int* sums = queries.Sums;
        for (float* a = queries.Scales, end = a + 4 * blocks; a < end; a += 4, sums += 4)
        {
            for (int line = 0; TVector.Prefetches && line < Q8_0Codes.BlockBytes; line += 64)
            {
                TVector.Prefetch(panel + ahead + line);
                TVector.Prefetch(next + ahead + line);
            }
            TVector p0 = Start(sums), p1 = p0, q0 = Start(sums + 1), q1 = q0, scale = TVector.LoadHalves(panel), nextScale = TVector.LoadHalves(next);
            panel += Q8_0Codes.CodesAt;
            next += Q8_0Codes.CodesAt;
            for (byte* codes = panel + 256; panel < codes; panel += 32, next += 32, x += 16)
            {
                TVector w = TVector.Load(panel), v = TVector.Load(next), wm = TVector.Magnitudes(w), vm = TVector.Magnitudes(v);
                TVector four = TVector.BroadcastFour(x);
                p0 = TVector.AddSignedDot(p0, w, wm, four, 0);
                p1 = TVector.AddSignedDot(p1, v, vm, four, 0);
                four = TVector.BroadcastFourAt(four, x, 1);
                q0 = TVector.AddSignedDot(q0, w, wm, four, 1);
                q1 = TVector.AddSignedDot(q1, v, vm, four, 1);
            }
            TVector factor = TVector.BroadcastFloat(a);
            a0 = TVector.MultiplyAdd(TVector.ToFloat(p0), TVector.Multiply(scale, factor), a0);
            a1 = TVector.MultiplyAdd(TVector.ToFloat(p1), TVector.Multiply(nextScale, factor), a1);
            factor = TVector.BroadcastFloat(a + 1);
            b0 = TVector.MultiplyAdd(TVector.ToFloat(q0), TVector.Multiply(scale, factor), b0);
            b1 = TVector.MultiplyAdd(TVector.ToFloat(q1), TVector.Multiply(nextScale, factor), b1);
        }
        TVector.Store(a0, (byte*)scores);
        TVector.Store(a1, (byte*)(scores + 8));
        TVector.Store(b0, (byte*)others);
        TVector.Store(b1, (byte*)(others + 8));
    }

    /// <summary>The scales of some positions as float32.</summary>
    /// <param name="halves">The scales, half precision.</param>
    /// <param name="count">Positions, a multiple of sixteen.</param>
    /// <param name="to">Receives [count].</param>
    public static void WidenScales(byte* halves, int count, float* to)
    {
        for (int i = 0; i < count; i += 8)
            TVector.Store(TVector.LoadHalves(halves + 2 * i), (byte*)(to + i));
    }

    /// <summary>Weights times the scales of some positions.</summary>
    /// <param name="scales">The positions' scales.</param>
    /// <param name="weights">The positions' weights.</param>
    /// <param name="count">Positions, a multiple of sixteen.</param>
    /// <param name="to">Receives [count].</param>
    public static void ScaleWeights(float* scales, float* weights, int count, float* to)
    {
        for (int i = 0; i < count; i += 16)
            TWide.Store(TWide.Multiply(TWide.Load(scales + i), TWide.Load(weights + i)), to + i);
    }

    /// <summary>Two weighted sums of 32 columns of codes, 32 bytes for a position. Positions are a multiple of two, a cache line.</summary>
    public static void SumTwo(byte* codes, int positions, nint ahead, float* x, float* y, float* sums, float* others)
    {
        TWide x0 = TWide.Zero, x1 = TWide.Zero, y0 = TWide.Zero, y1 = TWide.Zero;
        for (float* end = x + positions; x < end; x += 2, y += 2, codes += 64)
        {
            TVector.Prefetch(codes + ahead);
            TWide a = TWide.BroadcastFloat(x), b = TWide.BroadcastFloat(y);
            TWide v = TWide.LoadSignedBytesAsFloat(codes);
            x0 = TWide.MultiplyAdd(v, a, x0);
            y0 = TWide.MultiplyAdd(v, b, y0);
            v = TWide.LoadSignedBytesAsFloat(codes + 16);
            x1 = TWide.MultiplyAdd(v, a, x1);
            y1 = TWide.MultiplyAdd(v, b, y1);
            (a, b, v) = (TWide.BroadcastFloat(x + 1), TWide.BroadcastFloat(y + 1), TWide.LoadSignedBytesAsFloat(codes + 32));
            x0 = TWide.MultiplyAdd(v, a, x0);
            y0 = TWide.MultiplyAdd(v, b, y0);
            v = TWide.LoadSignedBytesAsFloat(codes + 48);
            x1 = TWide.MultiplyAdd(v, a, x1);
            y1 = TWide.MultiplyAdd(v, b, y1);
        }
        TWide.Store(x0, sums);
        TWide.Store(x1, sums + 16);
        TWide.Store(y0, others);
        TWide.Store(y1, others + 16);
    }

    /// <summary>One weighted sum of 32 columns of codes.</summary>
    public static void SumOne(byte* codes, int positions, nint ahead, float* x, float* sums)
    {
        TWide x0 = TWide.Zero, x1 = TWide.Zero;
        for (float* end = x + positions; x < end; x++, codes += 32)
        {
            TVector.Prefetch(codes + ahead);
            TWide a = TWide.BroadcastFloat(x);
            x0 = TWide.MultiplyAdd(TWide.LoadSignedBytesAsFloat(codes), a, x0);
            x1 = TWide.MultiplyAdd(TWide.LoadSignedBytesAsFloat(codes + 16), a, x1);
        }
        TWide.Store(x0, sums);
        TWide.Store(x1, sums + 16);
    }

    /// <summary>Widens codes to [positions × 32].</summary>
    public static void WidenValues(byte* codes, int positions, float* to)
    {
        for (byte* end = codes + 32L * positions; codes < end; codes += 16, to += 16)
            TWide.Store(TWide.LoadSignedBytesAsFloat(codes), to);
    }

    // Codes may enter the dot product larger by 2^shift.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Start(int* sum) => TVector.SignedOffsetShift > 0 ? TVector.BroadcastNegated(sum, TVector.SignedOffsetShift) : TVector.Zero;
}
