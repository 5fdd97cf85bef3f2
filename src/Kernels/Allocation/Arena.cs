using System.Runtime.InteropServices;

namespace MeKi.Kernels.Allocation;

/// <summary>
/// Cuts native memory from large chunks, so that what is smaller than a huge page lies in one with its neighbours. A chunk goes back to the operating system
/// when its last piece does; the memory of a piece that went before is not used again. Safe for any number of threads.
/// </summary>
/// <param name="chunkBytes">Bytes of a chunk; a larger piece has a chunk of its own. The system gives memory as it is touched, so what is left of a chunk costs
/// addresses only.</param>
/// <param name="hugePages">Whether to ask for huge pages (<see cref="HugePages"/>): memory is then given by 2 MB. Without, by 4 KB.</param>
internal sealed unsafe class Arena(long chunkBytes, bool hugePages)
{
    private const int PieceAlignment = 64;

    private static long s_live;

    private readonly Lock _lock = new();
    private Chunk? _current;

    /// <summary>Bytes of all chunks that have not gone back to the operating system.</summary>
    public static long LiveBytes => Volatile.Read(ref s_live);

    /// <summary>Cuts a piece of zeros.</summary>
    /// <param name="bytes">Its bytes.</param>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public ArenaPiece Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes > long.MaxValue - HugePages.Alignment - PieceAlignment)
            throw new InsufficientMemoryException($"No machine has {bytes} bytes.");
        long whole = (bytes + PieceAlignment - 1) / PieceAlignment * PieceAlignment;
        lock (_lock)
        {
            if (_current?.Cut(whole) is not { } address)
            {
                _current = new(Math.Max(whole, chunkBytes), hugePages);
                address = _current.Cut(whole)!.Value;
            }
            return new(_current, (byte*)address, bytes);
        }
    }

    /// <summary>Memory that several pieces share.</summary>
    internal sealed class Chunk
    {
        private readonly Lock _lock = new();
        private readonly long _bytes;
        private void* _allocation;
        private byte* _first;
        private long _cut;
        private int _pieces;

        public Chunk(long bytes, bool hugePages)
        {
            _bytes = bytes;
            // For less than a huge page the C library would fill a whole one with zeros.
            int alignment = !hugePages ? PieceAlignment : bytes < HugePages.Alignment ? Environment.SystemPageSize : HugePages.Alignment;
            _allocation = NativeMemory.AllocZeroed(checked((nuint)(bytes + alignment)));
            Interlocked.Add(ref s_live, bytes);
            _first = (byte*)_allocation + (-(nint)_allocation & (alignment - 1));
            if (alignment == HugePages.Alignment)
                HugePages.Advise(_first, bytes);
        }

        /// <summary>Takes the next bytes; null when too few are left, or all pieces have gone and the memory with them.</summary>
        public nint? Cut(long bytes)
        {
            lock (_lock)
            {
                if (_allocation is null || _bytes - _cut < bytes)
                    return null;
                _pieces++;
                nint address = (nint)(_first + _cut);
                _cut += bytes;
                return address;
            }
        }

        public void Release()
        {
            lock (_lock)
            {
                if (--_pieces > 0)
                    return;
                NativeMemory.Free(_allocation);
                Interlocked.Add(ref s_live, -_bytes);
                _allocation = null;
            }
        }
    }
}
