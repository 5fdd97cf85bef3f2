using System.Diagnostics;
using MeKi.Kernels.Panels;

namespace MeKi.Kernels.Yardsticks;

/// <summary>
/// The yardstick of matrix products over integer codes: signed bytes times signed bytes, four to a 32-bit lane, by the selected kernels' own instructions, on
/// registers and the first lines of the first-level cache. VPDPBUSD and SDOT are that in one instruction, plain AVX2 takes four.
/// </summary>
/// <param name="pool">The threads to compute with.</param>
public sealed class DotProductPeak(ComputePool pool) : Region
{
    private const int Chunks = 64;
    private const int Steps = 20_000;

    private int _sum;

    /// <summary>Multiply-adds of one pass.</summary>
    public static long MultiplyAdds => (long)Chunks * Steps * PanelKernels.DotProductsOfStep * 32;

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
            Volatile.Write(ref _sum, KernelSet.Selected.Panels.DotProducts(Steps));
    }
}
