using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.KeyValues;

/// <summary><c>C = A · B</c> of six rows and sixteen columns in float32, of operands that lie in the first-level caches. Each element is one chain of multiply-adds in the order of k.</summary>
internal static unsafe class FloatTile<TVector>
    where TVector : struct, IPanelVector<TVector>
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 6;

    /// <summary>Computes the product.</summary>
    /// <param name="a">[6 × depth].</param>
    /// <param name="strideA">Distance of the rows of A.</param>
    /// <param name="b">[depth × 16].</param>
    /// <param name="strideB">Distance of the rows of B.</param>
    /// <param name="c">Receives [6 × 16].</param>
    /// <param name="strideC">Distance of the rows of C.</param>
    /// <param name="depth">Columns of A, rows of B.</param>
    // Twelve accumulators, two columns and a broadcast fill fifteen registers of sixteen. Eight, of four rows, just hide the latency of the multiply-add and reached half its rate.
    public static void Multiply(float* a, nint strideA, float* b, nint strideB, float* c, nint strideC, int depth)
    {
        float* d = a + 3 * strideA;
        TVector c00 = TVector.Zero, c01 = TVector.Zero;
        TVector c10 = TVector.Zero, c11 = TVector.Zero;
        TVector c20 = TVector.Zero, c21 = TVector.Zero;
        TVector c30 = TVector.Zero, c31 = TVector.Zero;
        TVector c40 = TVector.Zero, c41 = TVector.Zero;
        TVector c50 = TVector.Zero, c51 = TVector.Zero;
        for (float* end = a + depth; a < end; a++, d++, b += strideB)
        {
            TVector b0 = TVector.Load((byte*)b), b1 = TVector.Load((byte*)(b + 8));
            TVector x = TVector.BroadcastFloat(a);
            c00 = TVector.MultiplyAdd(b0, x, c00);
            c01 = TVector.MultiplyAdd(b1, x, c01);
            x = TVector.BroadcastFloat(a + strideA);
            c10 = TVector.MultiplyAdd(b0, x, c10);
            c11 = TVector.MultiplyAdd(b1, x, c11);
            x = TVector.BroadcastFloat(a + 2 * strideA);
            c20 = TVector.MultiplyAdd(b0, x, c20);
            c21 = TVector.MultiplyAdd(b1, x, c21);
            x = TVector.BroadcastFloat(d);
            c30 = TVector.MultiplyAdd(b0, x, c30);
            c31 = TVector.MultiplyAdd(b1, x, c31);
            x = TVector.BroadcastFloat(d + strideA);
            c40 = TVector.MultiplyAdd(b0, x, c40);
            c41 = TVector.MultiplyAdd(b1, x, c41);
            x = TVector.BroadcastFloat(d + 2 * strideA);
            c50 = TVector.MultiplyAdd(b0, x, c50);
            c51 = TVector.MultiplyAdd(b1, x, c51);
        }
        Store(c, c00, c01);
        Store(c + strideC, c10, c11);
        Store(c + 2 * strideC, c20, c21);
        Store(c + 3 * strideC, c30, c31);
        Store(c + 4 * strideC, c40, c41);
        Store(c + 5 * strideC, c50, c51);
    }

    private static void Store(float* to, TVector a, TVector b)
    {
        TVector.Store(a, (byte*)to);
        TVector.Store(b, (byte*)(to + 8));
    }
}
