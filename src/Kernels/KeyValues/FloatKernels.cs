using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.KeyValues;

/// <summary>
/// Scores and weighted sums over keys and values in F16 or F32. One or two rows take them from the page and widen them in registers: eight accumulators hide the latency
/// of the multiply-add, and a page is read once from memory. More rows are tiles over what was widened once (<see cref="FloatTile{TVector}"/>). Both give the same bits: each score
/// is one chain of multiply-adds over the columns, each sum one chain over the positions.
/// </summary>
internal static unsafe class FloatKernels<TVector, TPairs>
    where TVector : struct, IPanelVector<TVector>
    where TPairs : struct, IFloatPairs
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
        TVector x0 = TVector.Zero, x1 = TVector.Zero, x2 = TVector.Zero, x3 = TVector.Zero;
        TVector y0 = TVector.Zero, y1 = TVector.Zero, y2 = TVector.Zero, y3 = TVector.Zero;
        for (float* end = x + columns; x < end; x += 2, y += 2, keys += 4 * TPairs.Bytes)
        {
            for (int line = 0; TVector.Prefetches && line < 4 * TPairs.Bytes; line += 64)
                TVector.Prefetch(keys + ahead + line);
            TVector a = TVector.BroadcastFloat(x), b = TVector.BroadcastFloat(y), c = TVector.BroadcastFloat(x + 1), d = TVector.BroadcastFloat(y + 1);
            TVector k = TPairs.First<TVector>(keys);
            x0 = TVector.MultiplyAdd(k, a, x0);
            y0 = TVector.MultiplyAdd(k, b, y0);
            k = TPairs.Second<TVector>(keys);
            x0 = TVector.MultiplyAdd(k, c, x0);
            y0 = TVector.MultiplyAdd(k, d, y0);
            k = TPairs.First<TVector>(keys + TPairs.Bytes);
            x1 = TVector.MultiplyAdd(k, a, x1);
            y1 = TVector.MultiplyAdd(k, b, y1);
            k = TPairs.Second<TVector>(keys + TPairs.Bytes);
            x1 = TVector.MultiplyAdd(k, c, x1);
            y1 = TVector.MultiplyAdd(k, d, y1);
            k = TPairs.First<TVector>(keys + 2 * TPairs.Bytes);
            x2 = TVector.MultiplyAdd(k, a, x2);
            y2 = TVector.MultiplyAdd(k, b, y2);
            k = TPairs.Second<TVector>(keys + 2 * TPairs.Bytes);
            x2 = TVector.MultiplyAdd(k, c, x2);
            y2 = TVector.MultiplyAdd(k, d, y2);
            k = TPairs.First<TVector>(keys + 3 * TPairs.Bytes);
            x3 = TVector.MultiplyAdd(k, a, x3);
            y3 = TVector.MultiplyAdd(k, b, y3);
            k = TPairs.Second<TVector>(keys + 3 * TPairs.Bytes);
            x3 = TVector.MultiplyAdd(k, c, x3);
            y3 = TVector.MultiplyAdd(k, d, y3);
        }
        Store(scores, x0, x1, x2, x3);
        Store(others, y0, y1, y2, y3);
    }

    /// <summary>The scores of one query at 32 positions.</summary>
    public static void ScoreOne(byte* keys, int columns, nint ahead, float* x, float* scores)
    {
        TVector x0 = TVector.Zero, x1 = TVector.Zero, x2 = TVector.Zero, x3 = TVector.Zero;
        for (float* end = x + columns; x < end; x += 2, keys += 4 * TPairs.Bytes)
        {
            for (int line = 0; TVector.Prefetches && line < 4 * TPairs.Bytes; line += 64)
                TVector.Prefetch(keys + ahead + line);
            TVector a = TVector.BroadcastFloat(x), b = TVector.BroadcastFloat(x + 1);
            x0 = TVector.MultiplyAdd(TPairs.First<TVector>(keys), a, x0);
            x1 = TVector.MultiplyAdd(TPairs.First<TVector>(keys + TPairs.Bytes), a, x1);
            x2 = TVector.MultiplyAdd(TPairs.First<TVector>(keys + 2 * TPairs.Bytes), a, x2);
            x3 = TVector.MultiplyAdd(TPairs.First<TVector>(keys + 3 * TPairs.Bytes), a, x3);
            x0 = TVector.MultiplyAdd(TPairs.Second<TVector>(keys), b, x0);
            x1 = TVector.MultiplyAdd(TPairs.Second<TVector>(keys + TPairs.Bytes), b, x1);
            x2 = TVector.MultiplyAdd(TPairs.Second<TVector>(keys + 2 * TPairs.Bytes), b, x2);
            x3 = TVector.MultiplyAdd(TPairs.Second<TVector>(keys + 3 * TPairs.Bytes), b, x3);
        }
        Store(scores, x0, x1, x2, x3);
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
        TVector x0 = TVector.Zero, x1 = TVector.Zero, x2 = TVector.Zero, x3 = TVector.Zero;
        TVector y0 = TVector.Zero, y1 = TVector.Zero, y2 = TVector.Zero, y3 = TVector.Zero;
        for (float* end = x + positions; x < end; x++, y++, values += 2 * TPairs.Bytes)
        {
            for (int line = 0; TVector.Prefetches && line < 2 * TPairs.Bytes; line += 64)
                TVector.Prefetch(values + ahead + line);
            TVector a = TVector.BroadcastFloat(x), b = TVector.BroadcastFloat(y);
            TVector v = TPairs.First<TVector>(values);
            x0 = TVector.MultiplyAdd(v, a, x0);
            y0 = TVector.MultiplyAdd(v, b, y0);
            v = TPairs.Second<TVector>(values);
            x1 = TVector.MultiplyAdd(v, a, x1);
            y1 = TVector.MultiplyAdd(v, b, y1);
            v = TPairs.First<TVector>(values + TPairs.Bytes);
            x2 = TVector.MultiplyAdd(v, a, x2);
            y2 = TVector.MultiplyAdd(v, b, y2);
            v = TPairs.Second<TVector>(values + TPairs.Bytes);
            x3 = TVector.MultiplyAdd(v, a, x3);
            y3 = TVector.MultiplyAdd(v, b, y3);
        }
        Store(sums, x0, x1, x2, x3);
        Store(others, y0, y1, y2, y3);
    }

    /// <summary>One weighted sum of 32 columns of values.</summary>
    public static void SumOne(byte* values, int positions, nint ahead, float* x, float* sums)
    {
        TVector x0 = TVector.Zero, x1 = TVector.Zero, x2 = TVector.Zero, x3 = TVector.Zero;
        for (float* end = x + positions; x < end; x++, values += 2 * TPairs.Bytes)
        {
            for (int line = 0; TVector.Prefetches && line < 2 * TPairs.Bytes; line += 64)
                TVector.Prefetch(values + ahead + line);
            TVector a = TVector.BroadcastFloat(x);
            x0 = TVector.MultiplyAdd(TPairs.First<TVector>(values), a, x0);
            x1 = TVector.MultiplyAdd(TPairs.Second<TVector>(values), a, x1);
            x2 = TVector.MultiplyAdd(TPairs.First<TVector>(values + TPairs.Bytes), a, x2);
            x3 = TVector.MultiplyAdd(TPairs.Second<TVector>(values + TPairs.Bytes), a, x3);
        }
        Store(sums, x0, x1, x2, x3);
    }

    /// <summary>Widens the keys of 32 positions to [columns × 32 positions].</summary>
    public static void WidenKeys(byte* keys, int columns, float* to)
    {
        for (float* end = to + 32 * columns; to < end; to += 64)
        {
            for (int vector = 0; vector < 32; vector += 8, keys += TPairs.Bytes)
            {
                TVector.Store(TPairs.First<TVector>(keys), (byte*)(to + vector));
                TVector.Store(TPairs.Second<TVector>(keys), (byte*)(to + 32 + vector));
            }
        }
    }

    /// <summary>Widens sixteen columns of values, every other pair from the first, to [positions × 16].</summary>
    public static void WidenValues(byte* values, int positions, float* to)
    {
        for (float* end = to + 16 * positions; to < end; to += 16, values += 2 * TPairs.Bytes)
        {
            TVector.Store(TPairs.First<TVector>(values), (byte*)to);
            TVector.Store(TPairs.Second<TVector>(values), (byte*)(to + 8));
        }
    }

    private static void Store(float* to, TVector a, TVector b, TVector c, TVector d)
    {
        TVector.Store(a, (byte*)to);
        TVector.Store(b, (byte*)(to + 8));
        TVector.Store(c, (byte*)(to + 16));
        TVector.Store(d, (byte*)(to + 24));
    }
}
