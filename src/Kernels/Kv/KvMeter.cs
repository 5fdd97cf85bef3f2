namespace MeKi.Kernels.Kv;

/// <summary>Counts the bytes of the pages that some caches hold: each page once, however many share it.</summary>
internal sealed class KvMeter
{
    private long _bytes;

    /// <summary>Bytes of all pages that somebody holds.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Counts a page that came, or with a negative number one that went.</summary>
    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);
}
