namespace MeKi.Kernels.Allocation;

/// <summary>Native memory out of an <see cref="Arena"/>. Kernels hold its address, so whoever owns it keeps it while they run.</summary>
internal sealed unsafe class ArenaPiece : IDisposable
{
    private Arena.Chunk? _chunk;

    internal ArenaPiece(Arena.Chunk chunk, byte* address, long length)
    {
        _chunk = chunk;
        Address = address;
        Length = length;
        // Of owners that nobody disposed, the collector should know what their finalizers would free.
        if (length > 0)
            GC.AddMemoryPressure(length);
    }

    /// <summary>Gives back the memory of a piece that was not disposed.</summary>
    ~ArenaPiece() => Dispose();

    /// <summary>The first byte, 64-byte aligned.</summary>
    public byte* Address { get; }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>Gives the memory back; further calls do nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _chunk, null) is not { } chunk)
            return;
        chunk.Release();
        if (Length > 0)
            GC.RemoveMemoryPressure(Length);
        GC.SuppressFinalize(this);
    }
}
