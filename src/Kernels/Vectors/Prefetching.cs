namespace MeKi.Kernels.Vectors;

/// <summary>How far ahead a kernel that reads memory from end to end asks for it.</summary>
internal static class Prefetching
{
    private const int LineBytes = 64;

    /// <summary>Bytes: about what one core's reads that are under way at once bring in memory's latency (docs/lab/2026-11-28-redesign.md).</summary>
    public const int Bytes = 3072;

    /// <summary>
    /// Bytes of a kernel that reads one stream, and computes a page's scores and weights between its keys and its values (docs/lab/2026-11-28-attention.md).
    /// </summary>
    public const int BytesOfOneStream = 4096;

    /// <summary>Asks for all of some memory, which is to be little.</summary>
    public static unsafe void All<TVector>(byte* begin, byte* end)
        where TVector : struct, IPanelVector<TVector>
    {
        for (byte* line = begin; TVector.Prefetches && line < end; line += LineBytes)
            TVector.Prefetch(line);
    }
}
