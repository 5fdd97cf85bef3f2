using System.Runtime.CompilerServices;

namespace MeKi.Kernels.Vectors;

/// <summary>
/// Products of six rows and sixteen columns in float32, of operands that lie in the first-level caches: what prompts' attention and products of float weights
/// are made of. Each element is one chain of multiply-adds in the order of k.
/// </summary>
/// <remarks>
/// Neither product is inlined: where a caller had two of these loops the compiler of ARM64 moved up to ten of the sums between registers in every step, 50 to
/// 54 instructions instead of 45 or 46.
/// </remarks>
internal static unsafe class FloatTile<TWide>
    where TWide : struct, IWideVector<TWide>
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 6;

    /// <summary><c>C ← A · B</c></summary>
    /// <param name="a">[6 × depth].</param>
    /// <param name="strideA">Distance of the rows of A.</param>
    /// <param name="b">[depth × 16].</param>
    /// <param name="strideB">Distance of the rows of B.</param>
    /// <param name="c">Receives [6 × 16].</param>
    /// <param name="strideC">Distance of the rows of C.</param>
    /// <param name="depth">Columns of A, rows of B.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Multiply(float* a, nint strideA, float* b, nint strideB, float* c, nint strideC, int depth) =>
        Run(a, strideA, 1, b, strideB, c, strideC, depth, add: false);

    /// <summary><c>C ← C + A · B</c> where the columns of A lie <c>stepA</c> floats apart.</summary>
    /// <inheritdoc cref="Multiply" path="/param"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Add(float* a, nint strideA, nint stepA, float* b, nint strideB, float* c, nint strideC, int depth) =>
        Run(a, strideA, stepA, b, strideB, c, strideC, depth, add: true);

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
