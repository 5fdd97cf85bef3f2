using System.Diagnostics;
using MeKi.Kernels;
using MeKi.Kernels.Arm;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Vectors;
using MeKi.Kernels.X86;

namespace MeKi.Bench;

/// <summary>
/// The yardstick of matrix products over integer codes: signed bytes times signed bytes, four to a 32-bit lane, by the selected kernels' own instructions, on
/// registers and the first lines of the first-level cache. VPDPBUSD and SDOT are that in one instruction, plain AVX2 takes four.
/// </summary>
/// <param name="pool">The threads to compute with.</param>
internal sealed class DotProductPeak(ComputePool pool) : Region
{
    private const int Chunks = 64, Steps = 20_000;

    // Of a step, each of 32 products in eight lanes.
    private const int DotProducts = 8;

    private readonly Func<int, int> _loop = LoopOf(KernelSelection.Name);
    private int _sum;

    /// <summary>Multiply-adds of one pass.</summary>
    public static long MultiplyAdds => (long)Chunks * Steps * DotProducts * 32;

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
            Volatile.Write(ref _sum, _loop(Steps));
    }

    private static Func<int, int> LoopOf(string kernels) => kernels switch
    {
        "AvxVnni" or "AvxVnniAvx512" => Loop<Avx2Vector<VnniDot<HardwareVnni>>>,
        "Avx2" or "Avx512" or "EmulatedAvx512" => Loop<Avx2Vector<MultiplyAddAdjacentDot>>,
        "NeonDot" => Loop<NeonVector<HardwareNeon, DotProductDot>>,
        "Neon" => Loop<NeonVector<HardwareNeon, MultiplyWideningDot>>,
        _ => ScalarLoop,
    };

    // The tile's inner loop with its weights in registers or the first-level cache. The activations change from step to step, so that no product is computed
    // once and kept.
    private static unsafe int Loop<TVector>(int steps)
        where TVector : struct, IPanelVector<TVector>
    {
        sbyte* x = stackalloc sbyte[256];
        byte* codes = stackalloc byte[256];
        int* sums = stackalloc int[8];
        new Span<sbyte>(x, 256).Fill(3);
        new Span<byte>(codes, 256).Fill(3);
        TVector w = TVector.Magnitudes(TVector.Load(codes)), v = TVector.Magnitudes(TVector.Load(codes + 32));
        TVector s0 = TVector.Zero, s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
        for (int step = 0; step < steps; step++)
        {
            sbyte* at = x + 16 * (step & 15);
            TVector four = TVector.BroadcastFour(at);
            if (TVector.TakesSignMagnitudes)
            {
                TVector signs = TVector.BroadcastFourAt(four, at, 1);
                s0 = TVector.AddSignMagnitudeDot(s0, codes, four, signs);
                s1 = TVector.AddSignMagnitudeDot(s1, codes + 32, four, signs);
                s2 = TVector.AddSignMagnitudeDot(s2, codes + 64, four, signs);
                s3 = TVector.AddSignMagnitudeDot(s3, codes + 96, four, signs);
                t0 = TVector.AddSignMagnitudeDot(t0, codes + 128, four, signs);
                t1 = TVector.AddSignMagnitudeDot(t1, codes + 160, four, signs);
                t2 = TVector.AddSignMagnitudeDot(t2, codes + 192, four, signs);
                t3 = TVector.AddSignMagnitudeDot(t3, codes + 224, four, signs);
                continue;
            }
            s0 = TVector.AddSignedDot(s0, w, w, four, 0);
            t0 = TVector.AddSignedDot(t0, v, v, four, 0);
            four = TVector.BroadcastFourAt(four, at, 1);
            s1 = TVector.AddSignedDot(s1, w, w, four, 1);
            t1 = TVector.AddSignedDot(t1, v, v, four, 1);
            four = TVector.BroadcastFourAt(four, at, 2);
            s2 = TVector.AddSignedDot(s2, w, w, four, 2);
            t2 = TVector.AddSignedDot(t2, v, v, four, 2);
            four = TVector.BroadcastFourAt(four, at, 3);
            s3 = TVector.AddSignedDot(s3, w, w, four, 3);
            t3 = TVector.AddSignedDot(t3, v, v, four, 3);
        }
        TVector s = TVector.AddIntegers(TVector.AddIntegers(s0, s1), TVector.AddIntegers(s2, s3));
        TVector t = TVector.AddIntegers(TVector.AddIntegers(t0, t1), TVector.AddIntegers(t2, t3));
        TVector.Store(TVector.AddIntegers(s, t), (byte*)sums);
        return sums[0];
    }

    private static int ScalarLoop(int steps)
    {
        Span<sbyte> x = stackalloc sbyte[256];
        x.Fill(3);
        int sum = 0;
        for (int step = 0; step < steps; step++)
        {
            for (int i = 0; i < 32 * DotProducts; i++)
                sum += x[i] * x[(i + step) & 255];
        }
        return sum;
    }
}
