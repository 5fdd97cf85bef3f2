using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Attending;

/// <summary>
/// A part of a page that is widened next: asked for some lines at a time while tiles of what is before it are multiplied. Without it a prompt's tiles waited
/// for memory at each of these parts.
/// </summary>
/// <param name="first">Its first byte; beyond the page it does no harm.</param>
/// <param name="bytes">How many.</param>
/// <param name="tiles">Tiles meanwhile.</param>
internal unsafe struct ComingBytes(byte* first, long bytes, int tiles)
{
    private const int Line = 64;

    private readonly byte* _end = first + bytes;
    private readonly int _lines = (int)(bytes / Line / Math.Max(1, tiles)) + 1;
    private byte* _next = first;

    /// <summary>Asks for a tile's share.</summary>
    public void Ask<TVector>()
        where TVector : struct, IPanelVector<TVector>
    {
        for (int line = 0; TVector.Prefetches && line < _lines && _next < _end; line++, _next += Line)
            TVector.Prefetch(_next);
    }
}
