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

    /// <param name="layout">What it holds.</param>
    /// <param name="meter">Counts the pages' bytes; null where nobody does.</param>
    public KvCache(CacheLayout layout, KvMeter? meter = null)
        : this(layout, (layer, memory) => new(memory), 0, meter)
    {
    }

    private KvCache(CacheLayout layout, Func<int, PageAllocator, LayerCache> pages, int length, KvMeter? meter = null)
    {
        (_layout, Length) = (layout, length);
        _pages = new LayerCache[layout.Layers.Count];
        _ofLayer = new LayerCache?[layout.Depth];
        // Pages that go together share memory.
        foreach (IGrouping<(KvLayout, int), int> alike in Enumerable.Range(0, _pages.Length).GroupBy(i => (layout.Layers[i].Pages, layout.Layers[i].Window)))
        {
            PageAllocator memory = new(alike.Key.Item1, alike.Count(), meter);
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

    /// <summary>The pages of the same positions, one of each layer that holds pages; null where one has let go of its page.</summary>
    /// <param name="block">How many pages come before them.</param>
    public KvPage[]? Block(int block) => Array.Exists(_pages, pages => pages.FirstPage > block) ? null : Array.ConvertAll(_pages, pages => pages.Page(block));

    /// <summary>Begins an empty cache as others were: with pages that are shared, and behind them a copy of a page's first positions.</summary>
    /// <param name="blocks">The pages of the first positions, as <see cref="Block"/> gives them.</param>
    /// <param name="last">Likewise the pages behind them; null for none.</param>
    /// <param name="positions">How many of their positions; less than all.</param>
    /// <param name="isCopied">Whether they are copied; else shared.</param>
    public void Begin(IReadOnlyList<KvPage[]> blocks, KvPage[]? last, int positions, bool isCopied)
    {
        int length = blocks.Count * KvPage.Positions + positions;
        for (int i = 0; i < _pages.Length; i++)
        {
            int first = _layout.Layers[i].FirstPage(length);
            _pages[i].LetGo(first * KvPage.Positions);
            for (int block = first; block < blocks.Count; block++)
                _pages[i].Share(blocks[block][i]);
            if (last is not null && isCopied)
                _pages[i].AddCopy(last[i], positions);
            else if (last is not null)
                _pages[i].Share(last[i]);
        }
        Length = length;
    }

    /// <summary>Lets go of the pages of the same positions for others that have the same bits.</summary>
    public void Exchange(int block, KvPage[] others)
    {
        for (int i = 0; i < _pages.Length; i++)
            _pages[i].Exchange(block, others[i]);
    }

    /// <summary>Lets go of all pages.</summary>
    public void Dispose()
    {
        foreach (LayerCache pages in _pages)
            pages.Dispose();
    }

    private bool Holds(int length) => length == 0 ? _pages.All(pages => pages.FirstPage == 0)
        : Enumerable.Range(0, _pages.Length).All(i => _pages[i].FirstPage <= _layout.Layers[i].FirstPage(length));
}
