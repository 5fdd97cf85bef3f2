using MeKi.Kernels.Allocation;

namespace MeKi.Kernels.Kv;

/// <summary>
/// The keys and values of <see cref="Positions"/> positions of one layer, in native memory: kernels hold addresses, and the memory goes back
/// when the last sequence lets go of the page (and of those beside it: <see cref="PageAllocator"/>), not when a collection comes. Sequences that share a
/// prefix share its pages; a page that is shared is only read.
/// </summary>
internal sealed unsafe class KvPage
{
    /// <summary>Positions of a page.</summary>
    public const int Positions = 256;

    private readonly KvLayout _layout;
    private readonly ArenaPiece _memory;
    private readonly KvMeter? _meter;
    private int _references = 1;

    /// <summary>A page, referenced once.</summary>
    /// <param name="layout">What it holds.</param>
    /// <param name="memory">Zeros, <see cref="KvLayout.PageBytes"/>; the page's from now on.</param>
    /// <param name="meter">Counts the page as long as somebody holds it.</param>
    internal KvPage(KvLayout layout, ArenaPiece memory, KvMeter? meter)
    {
        (_layout, _memory, _meter) = (layout, memory, meter);
        meter?.Add(layout.PageBytes);
    }

    /// <summary>Whether several sequences hold the page.</summary>
    public bool IsShared => Volatile.Read(ref _references) > 1;

    /// <summary>All bytes of the page, for saving and loading; see <see cref="KvLayout"/>. Valid until the page is released.</summary>
    public Span<byte> Bytes => new(_memory.Address, checked((int)_layout.PageBytes));

    /// <summary>Adds a sequence that holds the page.</summary>
    public void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>Takes a sequence away; the last one frees the memory.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) > 0)
            return;
        _memory.Dispose();
        _meter?.Add(-_layout.PageBytes);
    }

    /// <summary>The keys of a head.</summary>
    internal byte* Keys(int head) => _memory.Address + head * _layout.HeadBytes;

    /// <summary>The values of a head.</summary>
    internal byte* Values(int head) => Keys(head) + _layout.KeyBytes;
}
