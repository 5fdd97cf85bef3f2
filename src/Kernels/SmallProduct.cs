using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MeKi.Kernels;

/// <summary>
/// <c>C ← C + A · B</c> of float32 matrices that lie in the first-level caches: what attention multiplies scores and values with. Each element of C takes its products one
/// by one in the order of k by fused multiply-adds, so its bits depend neither on the vector width nor on the rows beside it.
/// </summary>
internal static class SmallProduct
{
    private const int TileRows = 4;

    /// <summary>Adds the product.</summary>
    /// <param name="a">[rows × depth], rows <paramref name="strideA"/> apart.</param>
    /// <param name="strideA">Distance of the rows of A.</param>
    /// <param name="b">[depth × columns], rows <paramref name="strideB"/> apart.</param>
    /// <param name="strideB">Distance of the rows of B.</param>
    /// <param name="c">[rows × columns], rows <paramref name="strideC"/> apart.</param>
    /// <param name="strideC">Distance of the rows of C.</param>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="depth">Columns of A, rows of B.</param>
    /// <param name="columns">Columns of B and C.</param>
    public static void Add(ReadOnlySpan<float> a, int strideA, ReadOnlySpan<float> b, int strideB, Span<float> c, int strideC, int rows, int depth, int columns)
    {
        if (rows == 0 || depth == 0)
            return;
        _ = a[(rows - 1) * strideA + depth - 1];
        _ = b[(depth - 1) * strideB + columns - 1];
        _ = c[(rows - 1) * strideC + columns - 1];
        ref float a0 = ref MemoryMarshal.GetReference(a), b0 = ref MemoryMarshal.GetReference(b), c0 = ref MemoryMarshal.GetReference(c);
        int width = Vector<float>.Count, column = 0;
        for (; column + 2 * width <= columns; column += 2 * width)
        {
            int row = 0;
            for (; row + TileRows <= rows; row += TileRows)
                Tile4x2(ref Unsafe.Add(ref a0, row * strideA), strideA, ref Unsafe.Add(ref b0, column), strideB, ref Unsafe.Add(ref c0, row * strideC + column), strideC, depth);
            for (; row < rows; row++)
                Tile1x2(ref Unsafe.Add(ref a0, row * strideA), ref Unsafe.Add(ref b0, column), strideB, ref Unsafe.Add(ref c0, row * strideC + column), depth);
        }
        for (; column < columns; column++)
        {
            for (int row = 0; row < rows; row++)
            {
                float sum = c[row * strideC + column];
                for (int k = 0; k < depth; k++)
                    sum = MathF.FusedMultiplyAdd(a[row * strideA + k], b[k * strideB + column], sum);
                c[row * strideC + column] = sum;
            }
        }
    }

    // Eight accumulators hide the latency of the fused multiply-add; six loads feed eight of them.
    private static void Tile4x2(ref float a, nint strideA, ref float b, nint strideB, ref float c, nint strideC, int depth)
    {
        nuint width = (nuint)Vector<float>.Count;
        ref float cc1 = ref Unsafe.Add(ref c, strideC), cc2 = ref Unsafe.Add(ref c, 2 * strideC), cc3 = ref Unsafe.Add(ref c, 3 * strideC);
        Vector<float> c00 = Vector.LoadUnsafe(ref c), c01 = Vector.LoadUnsafe(ref c, width), c10 = Vector.LoadUnsafe(ref cc1), c11 = Vector.LoadUnsafe(ref cc1, width);
        Vector<float> c20 = Vector.LoadUnsafe(ref cc2), c21 = Vector.LoadUnsafe(ref cc2, width), c30 = Vector.LoadUnsafe(ref cc3), c31 = Vector.LoadUnsafe(ref cc3, width);
        ref float a1 = ref Unsafe.Add(ref a, strideA), a2 = ref Unsafe.Add(ref a, 2 * strideA), a3 = ref Unsafe.Add(ref a, 3 * strideA);
        for (nint k = 0; k < depth; k++, b = ref Unsafe.Add(ref b, strideB))
        {
            Vector<float> b0 = Vector.LoadUnsafe(ref b), b1 = Vector.LoadUnsafe(ref b, width);
            Vector<float> x = new(Unsafe.Add(ref a, k));
            c00 = Vector.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector.FusedMultiplyAdd(x, b1, c01);
            x = new(Unsafe.Add(ref a1, k));
            c10 = Vector.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector.FusedMultiplyAdd(x, b1, c11);
            x = new(Unsafe.Add(ref a2, k));
            c20 = Vector.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector.FusedMultiplyAdd(x, b1, c21);
            x = new(Unsafe.Add(ref a3, k));
            c30 = Vector.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector.FusedMultiplyAdd(x, b1, c31);
        }
        c00.StoreUnsafe(ref c);
        c01.StoreUnsafe(ref c, width);
        c10.StoreUnsafe(ref cc1);
        c11.StoreUnsafe(ref cc1, width);
        c20.StoreUnsafe(ref cc2);
        c21.StoreUnsafe(ref cc2, width);
        c30.StoreUnsafe(ref cc3);
        c31.StoreUnsafe(ref cc3, width);
    }

    private static void Tile1x2(ref float a, ref float b, nint strideB, ref float c, int depth)
    {
        nuint width = (nuint)Vector<float>.Count;
        Vector<float> c0 = Vector.LoadUnsafe(ref c), c1 = Vector.LoadUnsafe(ref c, width);
        for (nint k = 0; k < depth; k++, b = ref Unsafe.Add(ref b, strideB))
        {
            Vector<float> x = new(Unsafe.Add(ref a, k));
            c0 = Vector.FusedMultiplyAdd(x, Vector.LoadUnsafe(ref b), c0);
            c1 = Vector.FusedMultiplyAdd(x, Vector.LoadUnsafe(ref b, width), c1);
        }
        c0.StoreUnsafe(ref c);
        c1.StoreUnsafe(ref c, width);
    }
}
