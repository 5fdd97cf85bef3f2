namespace MeKi.Kernels.Vectors;

/// <summary>How far ahead a kernel that reads memory from end to end asks for it.</summary>
internal static class Prefetching
{
    /// <summary>Bytes: about what one core's reads that are under way at once bring in memory's latency (docs/lab/2026-11-28-redesign.md).</summary>
    public const int Bytes = 1536;
}
