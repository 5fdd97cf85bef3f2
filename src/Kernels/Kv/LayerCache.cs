namespace MeKi.Kernels.Kv;

/// <summary>
/// One layer's keys and values of one sequence, in pages of <see cref="KvPage.Positions"/> positions that are added as the sequence grows. <see cref="Fork"/>
/// shares pages with another sequence; who writes to a shared page first takes a copy of it.
/// </summary>
/// <param name="memory">Where pages come from.</param>
internal sealed unsafe class LayerCache(PageAllocator memory) : IDisposable
{
    private readonly List<KvPage> _pages = [];
    private readonly KvStorage _keys = KvStorage.Of(memory.Layout.Keys), _values = KvStorage.Of(memory.Layout.Values);

    /// <summary>What a page holds.</summary>
    public KvLayout Layout { get; } = memory.Layout;

    /// <summary>The pages held, in order of their positions.</summary>
    public IReadOnlyList<KvPage> Pages => _pages;

    /// <summary>How many pages went before those held (<see cref="LetGo"/>).</summary>
    public int FirstPage { get; private set; }

    /// <summary>Bytes held, those of shared pages included.</summary>
    public long ByteLength => _pages.Count * Layout.PageBytes;

    /// <summary>Makes positions ready to be stored: adds pages, and takes copies of those that are shared.</summary>
    /// <param name="first">The first position.</param>
    /// <param name="count">Positions.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, they end beyond 31 bits, or they begin in a page that went.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public void Reserve(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(first, FirstPage * KvPage.Positions);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, int.MaxValue - KvPage.Positions - first);
        int end = (first + count + KvPage.Positions - 1) / KvPage.Positions - FirstPage;
        for (int page = first / KvPage.Positions - FirstPage; page < Math.Min(end, _pages.Count); page++)
        {
            if (_pages[page].IsShared)
                Copy(page);
        }
        while (_pages.Count < end)
            _pages.Add(memory.Page(FirstPage + _pages.Count));
    }

    /// <summary>Lets go of the pages whose positions all lie before one: of a layer that sees only the last positions.</summary>
    public void LetGo(int position)
    {
        int count = position / KvPage.Positions - FirstPage;
        if (count <= 0)
            return;
        for (int page = 0; page < Math.Min(count, _pages.Count); page++)
            _pages[page].Release();
        _pages.RemoveRange(0, Math.Min(count, _pages.Count));
        FirstPage += count;
    }

    /// <summary>A second sequence with the first positions of this one, whose pages both hold from now on.</summary>
    /// <param name="positions">How many positions.</param>
    /// <param name="forkMemory">Where the second sequence's further pages come from.</param>
    public LayerCache Fork(int positions, PageAllocator forkMemory)
    {
        LayerCache fork = new(forkMemory) { FirstPage = FirstPage };
        for (int page = 0; page < (positions + KvPage.Positions - 1L) / KvPage.Positions - FirstPage; page++)
        {
            _pages[page].AddReference();
            fork._pages.Add(_pages[page]);
        }
        return fork;
    }

    /// <summary>Adds another sequence's page of the next positions, which both hold from now on.</summary>
    public void Share(KvPage page)
    {
        page.AddReference();
        _pages.Add(page);
    }

    /// <summary>Adds a copy of the first positions of another sequence's page.</summary>
    public void AddCopy(KvPage page, int positions)
    {
        KvPage copy = memory.Page(FirstPage + _pages.Count);
        foreach ((int offset, int length) in Layout.Parts(positions))
            page.Bytes.Slice(offset, length).CopyTo(copy.Bytes[offset..]);
        _pages.Add(copy);
    }

    /// <summary>Lets go of a page for another that has the same bits.</summary>
    /// <param name="index">How many pages come before it in the layer; one that went already is left.</param>
    /// <param name="page">The other, which both hold from now on.</param>
    public void Exchange(int index, KvPage page)
    {
        if (index < FirstPage)
            return;
        page.AddReference();
        _pages[index - FirstPage].Release();
        _pages[index - FirstPage] = page;
    }

    /// <summary>
    /// Stores one reserved position's keys and values, [KV heads · head dimension] each. Different positions may be stored by different threads.
    /// </summary>
    public void Store(int position, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        KvPage page = Page(position / KvPage.Positions);
        Span<float> x = stackalloc float[KvLayout.BlockColumns];
        int at = position % KvPage.Positions;
        for (int head = 0; head < Layout.KvHeads; head++)
        {
            byte* headKeys = page.Keys(head), headValues = page.Values(head);
            for (int block = 0; block < Layout.Blocks; block++)
            {
                TakeBlock(keys, head, block, x);
                _keys.StoreKey(headKeys, Layout.Blocks, at, block, x);
                TakeBlock(values, head, block, x);
                _values.StoreValue(headValues, at, block, x);
            }
        }
    }

    /// <summary>Takes out one position's keys and values as they are stored, [KV heads · head dimension] each.</summary>
    public void Load(int position, Span<float> keys, Span<float> values)
    {
        KvPage page = Page(position / KvPage.Positions);
        Span<float> x = stackalloc float[KvLayout.BlockColumns];
        int at = position % KvPage.Positions;
        for (int head = 0; head < Layout.KvHeads; head++)
        {
            byte* headKeys = page.Keys(head), headValues = page.Values(head);
            for (int block = 0; block < Layout.Blocks; block++)
            {
                _keys.LoadKey(headKeys, Layout.Blocks, at, block, x);
                GiveBlock(x, head, block, keys);
                _values.LoadValue(headValues, at, block, x);
                GiveBlock(x, head, block, values);
            }
        }
    }

    /// <summary>Lets go of all pages; positions begin anew.</summary>
    public void Dispose()
    {
        foreach (KvPage page in _pages)
            page.Release();
        _pages.Clear();
        FirstPage = 0;
    }

    /// <summary>A page that is held, by how many come before it in the layer.</summary>
    internal KvPage Page(int index) => _pages[index - FirstPage];

    private void Copy(int page)
    {
        KvPage copy = memory.Page(FirstPage + page);
        _pages[page].Bytes.CopyTo(copy.Bytes);
        _pages[page].Release();
        _pages[page] = copy;
    }

    private int BlockLength(int block) => Math.Min(KvLayout.BlockColumns, Layout.HeadDimension - block * KvLayout.BlockColumns);

    private void TakeBlock(ReadOnlySpan<float> heads, int head, int block, Span<float> x)
    {
        int length = BlockLength(block);
        heads.Slice(head * Layout.HeadDimension + block * KvLayout.BlockColumns, length).CopyTo(x);
        x[length..].Clear();
    }

    private void GiveBlock(ReadOnlySpan<float> x, int head, int block, Span<float> heads) =>
        x[..BlockLength(block)].CopyTo(heads[(head * Layout.HeadDimension + block * KvLayout.BlockColumns)..]);
}
