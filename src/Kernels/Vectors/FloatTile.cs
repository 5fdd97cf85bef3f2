using System.Runtime.CompilerServices;

namespace MeKi.Kernels.Vectors;

/// <summary>
/// Products of six rows and sixteen or 32 columns in float32, of operands that lie in the nearest caches: what prompts' attention and products of float weights
/// are made of. Each element is one chain of multiply-adds in the order of k.
/// </summary>
/// <remarks>
/// No product is inlined: where a caller had two of these loops the compiler of ARM64 moved up to ten of the sums between registers in every step, 50 to
/// 54 instructions instead of 45 or 46.
/// </remarks>
internal static unsafe class FloatTile<TWide>
    where TWide : struct, IWideVector<TWide>
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 6;

    /// <summary>Columns of a product by <see cref="Multiply"/>.</summary>
    public const int Columns = 32;

    /// <summary><c>C ← A · B</c></summary>
    /// <param name="a">[6 × depth].</param>
    /// <param name="strideA">Distance of the rows of A.</param>
    /// <param name="b">[depth × 32].</param>
    /// <param name="strideB">Distance of the rows of B.</param>
    /// <param name="c">Receives [6 × 32].</param>
    /// <param name="strideC">Distance of the rows of C.</param>
    /// <param name="depth">Columns of A, rows of B.</param>
    public static void Multiply(float* a, nint strideA, float* b, nint strideB, float* c, nint strideC, int depth)
    {
        if (TWide.IsOneRegister)
        {
            MultiplyTwo(a, strideA, b, strideB, c, strideC, depth);
            return;
        }
        MultiplyOne(a, strideA, b, strideB, c, strideC, depth);
        MultiplyOne(a, strideA, b + 16, strideB, c + 16, strideC, depth);
    }

    /// <summary><c>C ← C + A · B</c> of sixteen columns, where the columns of A lie <c>stepA</c> floats apart.</summary>
    /// <inheritdoc cref="Multiply" path="/param"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Add(float* a, nint strideA, nint stepA, float* b, nint strideB, float* c, nint strideC, int depth) =>
        Run(a, strideA, stepA, b, strideB, c, strideC, depth, add: true);

    // 32 columns: twelve registers of sums, two of B's row and a broadcast, of 32. Six sums of 512 bits would wait for each other's latency: two multiply-adds
    // begin in a cycle and end after four.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MultiplyTwo(float* a, nint strideA, float* b, nint strideB, float* c, nint strideC, int depth)
    {
        float* d = a + 3 * strideA;
        TWide c0 = TWide.Zero, c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, d0 = c0, d1 = c0, d2 = c0, d3 = c0, d4 = c0, d5 = c0;
        for (float* end = a + depth; a < end; a++, d++, b += strideB)
        {
            TWide row = TWide.Load(b), next = TWide.Load(b + 16), x = TWide.BroadcastFloat(a);
            c0 = TWide.MultiplyAdd(row, x, c0);
            d0 = TWide.MultiplyAdd(next, x, d0);
            x = TWide.BroadcastFloat(a + strideA);
            c1 = TWide.MultiplyAdd(row, x, c1);
            d1 = TWide.MultiplyAdd(next, x, d1);
            x = TWide.BroadcastFloat(a + 2 * strideA);
            c2 = TWide.MultiplyAdd(row, x, c2);
            d2 = TWide.MultiplyAdd(next, x, d2);
            x = TWide.BroadcastFloat(d);
            c3 = TWide.MultiplyAdd(row, x, c3);
            d3 = TWide.MultiplyAdd(next, x, d3);
            x = TWide.BroadcastFloat(d + strideA);
            c4 = TWide.MultiplyAdd(row, x, c4);
            d4 = TWide.MultiplyAdd(next, x, d4);
            x = TWide.BroadcastFloat(d + 2 * strideA);
            c5 = TWide.MultiplyAdd(row, x, c5);
            d5 = TWide.MultiplyAdd(next, x, d5);
        }
        StoreRow(c0, d0, c);
        StoreRow(c1, d1, c + strideC);
        StoreRow(c2, d2, c + 2 * strideC);
        StoreRow(c3, d3, c + 3 * strideC);
        StoreRow(c4, d4, c + 4 * strideC);
        StoreRow(c5, d5, c + 5 * strideC);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(TWide low, TWide high, float* to)
    {
        TWide.Store(low, to);
        TWide.Store(high, to + 16);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MultiplyOne(float* a, nint strideA, float* b, nint strideB, float* c, nint strideC, int depth) =>
        Run(a, strideA, 1, b, strideB, c, strideC, depth, add: false);

    // Twelve registers of sums, two of B's row and a broadcast are fifteen of AVX2's sixteen. Eight sums, of four rows, just hide the latency of the
    // multiply-add and reached half its rate.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Run(float* a, nint strideA, nint stepA, float* b, nint strideB, float* c, nint strideC, int depth, bool add)
    {
        float* d = a + 3 * strideA;
        TWide c0 = add ? TWide.Load(c) : TWide.Zero;
        TWide c1 = add ? TWide.Load(c + strideC) : TWide.Zero;
        TWide c2 = add ? TWide.Load(c + 2 * strideC) : TWide.Zero;
        TWide c3 = add ? TWide.Load(c + 3 * strideC) : TWide.Zero;
        TWide c4 = add ? TWide.Load(c + 4 * strideC) : TWide.Zero;
        TWide c5 = add ? TWide.Load(c + 5 * strideC) : TWide.Zero;
        for (float* end = a + depth * stepA; a < end; a += stepA, d += stepA, b += strideB)
        {
            TWide row = TWide.Load(b);
            c0 = TWide.MultiplyAdd(row, TWide.BroadcastFloat(a), c0);
            c1 = TWide.MultiplyAdd(row, TWide.BroadcastFloat(a + strideA), c1);
            c2 = TWide.MultiplyAdd(row, TWide.BroadcastFloat(a + 2 * strideA), c2);
            c3 = TWide.MultiplyAdd(row, TWide.BroadcastFloat(d), c3);
            c4 = TWide.MultiplyAdd(row, TWide.BroadcastFloat(d + strideA), c4);
            c5 = TWide.MultiplyAdd(row, TWide.BroadcastFloat(d + 2 * strideA), c5);
        }
        TWide.Store(c0, c);
        TWide.Store(c1, c + strideC);
        TWide.Store(c2, c + 2 * strideC);
        TWide.Store(c3, c + 3 * strideC);
        TWide.Store(c4, c + 4 * strideC);
        TWide.Store(c5, c + 5 * strideC);
    }
}
