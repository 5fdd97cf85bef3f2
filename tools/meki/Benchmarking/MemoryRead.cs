using System.Diagnostics;
using System.Runtime.Intrinsics;
using MeKi.Kernels;
using MeKi.Kernels.Allocation;

namespace MeKi.Tool.Benchmarking;

/// <summary>
/// The yardstick of streaming kernels: reads a buffer far larger than the caches once, both halves of each thread's chunks front to back, and does nothing
/// else. What it reaches is what a kernel that waits for memory could reach on this machine with these threads.
/// </summary>
/// <remarks>Two streams a core, as products by one token have: more bytes a second than with one or four (docs/lab/2026-11-28-redesign.md).</remarks>
internal sealed unsafe class MemoryRead : Region, IDisposable
{
    private const int BlockBytes = 1 << 20;

    private readonly ComputePool _pool;
    private readonly ArenaPiece _data;
    private readonly int _blocks;
    private long _sum;

    /// <summary>Allocates and touches the buffer.</summary>
    /// <param name="pool">The threads to read with.</param>
    /// <param name="bytes">Size of the buffer: several times the last-level cache.</param>
    public MemoryRead(ComputePool pool, long bytes = 256L << 20)
    {
        _pool = pool;
        _blocks = checked((int)(bytes / BlockBytes));
        _data = new Arena(Bytes, hugePages: true).Allocate(Bytes);
        for (int block = 0; block < _blocks; block++)
            new Span<byte>(_data.Address + (long)block * BlockBytes, BlockBytes).Fill((byte)block);
    }

    /// <summary>Bytes of one pass.</summary>
    public long Bytes => (long)_blocks * BlockBytes;

    /// <summary>Reads the buffer once.</summary>
    /// <returns>Bytes per second.</returns>
    public double Run()
    {
        long start = Stopwatch.GetTimestamp();
        _pool.Run(this, _blocks, chunk: 1);
        return Bytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <inheritdoc/>
    public override void Execute(int begin, int end)
    {
        Vector256<long> a = default, b = default, c = default, d = default;
        for (int block = begin; block < end; block++)
        {
            byte* at = _data.Address + (long)block * BlockBytes;
            for (byte* half = at + BlockBytes / 2; at < half; at += 64)
            {
                a += Vector256.Load((long*)at);
                b += Vector256.Load((long*)(at + 32));
                c += Vector256.Load((long*)(at + BlockBytes / 2));
                d += Vector256.Load((long*)(at + BlockBytes / 2 + 32));
            }
        }
        // Kept, so that the loads are not removed.
        Interlocked.Add(ref _sum, Vector256.Sum(a + b + c + d));
    }

    /// <summary>Frees the buffer.</summary>
    public void Dispose() => _data.Dispose();
}
