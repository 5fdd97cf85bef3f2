using MeKi.Kernels.Kv;

namespace MeKi.Model;

/// <summary>
/// The KV cache of one sequence: the rotated keys and the values so far, of every layer that has its own. Layers that see only the last positions let go of the
/// pages behind them.
/// </summary>
internal sealed class KvCache : IDisposable
{
    private readonly CacheLayout _layout;
    private readonly LayerCache[] _pages;     // of the layout's layers
    private readonly LayerCache?[] _ofLayer;  // of the model's

    public KvCache(CacheLayout layout)
        : this(layout, (layer, memory) => new(memory), 0)
    {
    }

    private KvCache(CacheLayout layout, Func<int, PageAllocator, LayerCache> pages, int length)
    {
        (_layout, Length) = (layout, length);
        _pages = new LayerCache[layout.Layers.Count];
        _ofLayer = new LayerCache?[layout.Depth];
        // Pages that go together share memory.
        foreach (IGrouping<(KvLayout, int), int> alike in Enumerable.Range(0, _pages.Length).GroupBy(i => (layout.Layers[i].Pages, layout.Layers[i].Window)))
        {
            PageAllocator memory = new(alike.Key.Item1, alike.Count());
            foreach (int i in alike)
                _ofLayer[layout.Layers[i].Index] = _pages[i] = pages(i, memory);
        }
    }

    /// <summary>Tokens in the cache: the position of the next one.</summary>
    public int Length { get; private set; }

    public long ByteLength => _pages.Sum(pages => pages.ByteLength);

    /// <summary>The layers that hold pages, and these.</summary>
    public IEnumerable<(CachedLayer Layer, LayerCache Pages)> Layers => _layout.Layers.Zip(_pages);

    /// <summary>The pages of a layer that has its own.</summary>
    public LayerCache Of(int layer) => _ofLayer[layer]!;

    /// <summary>Counts tokens whose keys and values were stored, and lets go of the pages that no later token sees.</summary>
    public void Advance(int tokens)
    {
        Length += tokens;
        for (int i = 0; i < _pages.Length; i++)
            _pages[i].LetGo(_layout.Layers[i].FirstSeen(Length));
    }

    /// <summary>Forgets the tokens from a position on; all of them where a layer has let go of what the next token would see.</summary>
    public void Truncate(int length)
    {
        if (Holds(length))
        {
            Length = length;
            return;
        }
        Length = 0;
        Dispose();
    }

    /// <summary>
    /// A second sequence that begins as this one does; the pages are shared until one of both writes to them. An empty one where a layer has let go of what the
    /// next token would see.
    /// </summary>
    public KvCache Fork(int length) => Holds(length) ? new(_layout, (i, memory) => _pages[i].Fork(length, memory), length) : new(_layout);

    /// <summary>Lets go of all pages.</summary>
    public void Dispose()
    {
        foreach (LayerCache pages in _pages)
            pages.Dispose();
    }

    private bool Holds(int length) => length == 0 ? _pages.All(pages => pages.FirstPage == 0)
        : Enumerable.Range(0, _pages.Length).All(i => _pages[i].FirstPage <= _layout.Layers[i].FirstPage(length));
}
