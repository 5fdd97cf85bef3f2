using MeKi.Kernels.Allocation;

namespace MeKi.Kernels.Kv;

/// <summary>
/// Where the pages of a sequence's layers come from. The layers' pages of the same positions share a chunk. A sequence's first pages are given by the operating
/// system as positions are stored, since many sequences are short; from the second on they are huge pages, which attention over a long sequence reads a tenth
/// faster.
/// </summary>
/// <param name="layout">What a page holds.</param>
/// <param name="layers">Layers that take their pages here.</param>
/// <param name="meter">Counts the pages' bytes; null where nobody does.</param>
/// <exception cref="ArgumentOutOfRangeException">There are no kernels for the layout.</exception>
internal sealed class PageAllocator(KvLayout layout, int layers, KvMeter? meter = null)
{
    private readonly Arena _first = new(checked(layers * layout.Checked().PageBytes), hugePages: false);
    private readonly Arena _later = new(checked(layers * layout.PageBytes), hugePages: true);

    /// <summary>What a page holds.</summary>
    public KvLayout Layout => layout;

    /// <summary>A page of zeros.</summary>
    /// <param name="index">How many pages come before it in its layer.</param>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public KvPage Page(int index) => new(layout, (index == 0 ? _first : _later).Allocate(layout.PageBytes), meter);
}
