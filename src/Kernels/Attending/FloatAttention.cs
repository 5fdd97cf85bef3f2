using System.Runtime.CompilerServices;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Attending;

/// <summary>
/// Scores and weighted sums over keys and values in F16 or F32. One or two rows take them from the page and widen them in registers: eight registers of sums
/// hide the latency of the multiply-add, and a page is read once from memory. More rows are tiles over what was widened once (<see cref="FloatTile{TWide}"/>).
/// Both give the same bits: each score is one chain of multiply-adds over the columns, each sum one chain over the positions.
/// </summary>
internal static unsafe class FloatAttention<TVector, TWide, TFormat>
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
    where TFormat : struct, IFloatKv
{
    /// <summary>The scores of two queries at 32 positions.</summary>
    /// <param name="keys">The positions' keys.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="ahead">How many bytes ahead to ask for.</param>
    /// <param name="x">The first query.</param>
    /// <param name="y">The second.</param>
    /// <param name="scores">Receives the first one's 32 scores.</param>
    /// <param name="others">Receives the second one's.</param>
    public static void ScoreTwo(byte* keys, int columns, nint ahead, float* x, float* y, float* scores, float* others)
    {
        TWide x0 = TWide.Zero, x1 = TWide.Zero, y0 = TWide.Zero, y1 = TWide.Zero;
        for (float* end = x + columns; x < end; x += 2, y += 2, keys += 4 * TFormat.PairBytes)
        {
            for (int line = 0; TVector.Prefetches && line < 4 * TFormat.PairBytes; line += 64)
                TVector.Prefetch(keys + ahead + line);
            TWide a = TWide.BroadcastFloat(x), b = TWide.BroadcastFloat(y), c = TWide.BroadcastFloat(x + 1), d = TWide.BroadcastFloat(y + 1);
            TWide k = First(keys);
            x0 = TWide.MultiplyAdd(k, a, x0);
            y0 = TWide.MultiplyAdd(k, b, y0);
            k = Second(keys);
            x0 = TWide.MultiplyAdd(k, c, x0);
            y0 = TWide.MultiplyAdd(k, d, y0);
            k = First(keys + 2 * TFormat.PairBytes);
            x1 = TWide.MultiplyAdd(k, a, x1);
            y1 = TWide.MultiplyAdd(k, b, y1);
            k = Second(keys + 2 * TFormat.PairBytes);
            x1 = TWide.MultiplyAdd(k, c, x1);
            y1 = TWide.MultiplyAdd(k, d, y1);
        }
        TWide.Store(x0, scores);
        TWide.Store(x1, scores + 16);
        TWide.Store(y0, others);
        TWide.Store(y1, others + 16);
    }

    /// <summary>The scores of one query at 32 positions.</summary>
    public static void ScoreOne(byte* keys, int columns, nint ahead, float* x, float* scores)
    {
        TWide x0 = TWide.Zero, x1 = TWide.Zero;
        for (float* end = x + columns; x < end; x += 2, keys += 4 * TFormat.PairBytes)
        {
            for (int line = 0; TVector.Prefetches && line < 4 * TFormat.PairBytes; line += 64)
                TVector.Prefetch(keys + ahead + line);
            TWide a = TWide.BroadcastFloat(x), b = TWide.BroadcastFloat(x + 1);
            x0 = TWide.MultiplyAdd(First(keys), a, x0);
            x1 = TWide.MultiplyAdd(First(keys + 2 * TFormat.PairBytes), a, x1);
            x0 = TWide.MultiplyAdd(Second(keys), b, x0);
            x1 = TWide.MultiplyAdd(Second(keys + 2 * TFormat.PairBytes), b, x1);
        }
        TWide.Store(x0, scores);
        TWide.Store(x1, scores + 16);
    }

    /// <summary>Two weighted sums of 32 columns of values.</summary>
    /// <param name="values">The first position's 32 columns; the next one's follow.</param>
    /// <param name="positions">Positions.</param>
    /// <param name="ahead">How many bytes ahead to ask for.</param>
    /// <param name="x">The first sum's weights.</param>
    /// <param name="y">The second one's.</param>
    /// <param name="sums">Receives the first sum, [32].</param>
    /// <param name="others">Receives the second one.</param>
    public static void SumTwo(byte* values, int positions, nint ahead, float* x, float* y, float* sums, float* others)
    {
        TWide x0 = TWide.Zero, x1 = TWide.Zero, y0 = TWide.Zero, y1 = TWide.Zero;
        for (float* end = x + positions; x < end; x++, y++, values += 2 * TFormat.PairBytes)
        {
            for (int line = 0; TVector.Prefetches && line < 2 * TFormat.PairBytes; line += 64)
                TVector.Prefetch(values + ahead + line);
            TWide a = TWide.BroadcastFloat(x), b = TWide.BroadcastFloat(y);
            TWide v = First(values);
            x0 = TWide.MultiplyAdd(v, a, x0);
            y0 = TWide.MultiplyAdd(v, b, y0);
            v = Second(values);
            x1 = TWide.MultiplyAdd(v, a, x1);
            y1 = TWide.MultiplyAdd(v, b, y1);
        }
        StoreColumns(x0, x1, sums);
        StoreColumns(y0, y1, others);
    }

    /// <summary>One weighted sum of 32 columns of values.</summary>
    public static void SumOne(byte* values, int positions, nint ahead, float* x, float* sums)
    {
        TWide x0 = TWide.Zero, x1 = TWide.Zero;
        for (float* end = x + positions; x < end; x++, values += 2 * TFormat.PairBytes)
        {
            for (int line = 0; TVector.Prefetches && line < 2 * TFormat.PairBytes; line += 64)
                TVector.Prefetch(values + ahead + line);
            TWide a = TWide.BroadcastFloat(x);
            x0 = TWide.MultiplyAdd(First(values), a, x0);
            x1 = TWide.MultiplyAdd(Second(values), a, x1);
        }
        StoreColumns(x0, x1, sums);
    }

    /// <summary>Widens the keys of 32 positions to [columns × 32 positions].</summary>
    public static void WidenKeys(byte* keys, int columns, float* to)
    {
        for (float* end = to + 32 * columns; to < end; to += 64)
        {
            for (int vector = 0; vector < 32; vector += 16, keys += 2 * TFormat.PairBytes)
            {
                TWide.Store(First(keys), to + vector);
                TWide.Store(Second(keys), to + 32 + vector);
            }
        }
    }

    /// <summary>Widens 32 columns of values to [positions × 32], in their true size.</summary>
    public static void WidenValues(byte* values, int positions, float* to)
    {
        TWide scale = TWide.Constant(TFormat.Factor);
        for (float* end = to + 32 * positions; to < end; to += 32, values += 2 * TFormat.PairBytes)
            StoreColumns(InTrueSize(First(values), scale), InTrueSize(Second(values), scale), to);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TWide First(byte* pairs) => TFormat.First<TWide>(pairs);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TWide Second(byte* pairs) => TFormat.Second<TWide>(pairs);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TWide InTrueSize(TWide numbers, TWide scale) => TFormat.Factor != 1 ? TWide.Multiply(numbers, scale) : numbers;

    // The first eight columns of two pairs, and the second eight.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreColumns(TWide first, TWide second, float* to)
    {
        TWide.Store(first, to, to + 16);
        TWide.Store(second, to + 8, to + 24);
    }
}
