using System.Diagnostics;
using System.Numerics;
using MeKi.Kernels;

namespace MeKi.Bench;

/// <summary>
/// The yardstick of arithmetic kernels: a loop of independent fused multiply-adds on registers, as many as the units take, and nothing else.
/// </summary>
/// <param name="pool">The threads to compute with.</param>
internal sealed class FusedMultiplyAddPeak(ComputePool pool) : Region
{
    private const int Chunks = 64;
    private const int Steps = 20_000;
    private const int Accumulators = 10;

    private float _sum;

    /// <summary>Multiply-adds of one pass.</summary>
    public static long MultiplyAdds => (long)Chunks * Steps * Accumulators * Vector<float>.Count;

    /// <summary>Runs the loop once.</summary>
    /// <returns>Multiply-adds per second.</returns>
    public double Run()
    {
        long start = Stopwatch.GetTimestamp();
        pool.Run(this, Chunks, chunk: 1);
        return MultiplyAdds / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <inheritdoc/>
    public override void Execute(int begin, int end)
    {
        for (int chunk = begin; chunk < end; chunk++)
        {
            Vector<float> x = new(0.999f), y = new(1e-3f);
            // Ten chains: latency 4 to 5 cycles times two units, within sixteen registers.
            Vector<float> a = default, b = default, c = default, d = default, e = default, f = default, g = default, h = default, i = default, j = default;
            for (int step = 0; step < Steps; step++)
            {
                a = Vector.FusedMultiplyAdd(a, x, y);
                b = Vector.FusedMultiplyAdd(b, x, y);
                c = Vector.FusedMultiplyAdd(c, x, y);
                d = Vector.FusedMultiplyAdd(d, x, y);
                e = Vector.FusedMultiplyAdd(e, x, y);
                f = Vector.FusedMultiplyAdd(f, x, y);
                g = Vector.FusedMultiplyAdd(g, x, y);
                h = Vector.FusedMultiplyAdd(h, x, y);
                i = Vector.FusedMultiplyAdd(i, x, y);
                j = Vector.FusedMultiplyAdd(j, x, y);
            }
            // Kept, so that the loop is not removed.
            Volatile.Write(ref _sum, Vector.Sum(a + b + c + d + e + f + g + h + i + j));
        }
    }
}
