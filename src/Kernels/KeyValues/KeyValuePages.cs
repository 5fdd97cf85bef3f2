namespace MeKi.Kernels.KeyValues;

/// <summary>
/// One layer's keys and values of one sequence, in pages of <see cref="PageLength"/> positions that are added as the sequence grows. <see cref="Fork"/> shares
/// pages with another sequence; who writes to a shared page first takes a copy of it.
/// </summary>
/// <param name="memory">Where pages come from.</param>
public sealed unsafe class KeyValuePages(KeyValueMemory memory) : IDisposable
{
    /// <summary>Positions of a page.</summary>
    public const int PageLength = 256;

    private readonly List<KeyValuePage> _pages = [];

    /// <summary>What a page holds.</summary>
    public KeyValueLayout Layout { get; } = memory.Layout;

    /// <summary>The pages, in order of their positions.</summary>
    public IReadOnlyList<KeyValuePage> Pages => _pages;

    /// <summary>Bytes held, those of shared pages included.</summary>
    public long ByteLength => _pages.Count * Layout.PageBytes;

    /// <summary>Makes positions ready to be stored: adds pages, and takes copies of those that are shared.</summary>
    /// <param name="first">The first position.</param>
    /// <param name="count">Positions.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or they end beyond 31 bits.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public void Reserve(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, int.MaxValue - PageLength - first);
        int end = (first + count + PageLength - 1) / PageLength;
        for (int page = first / PageLength; page < Math.Min(end, _pages.Count); page++)
        {
            if (_pages[page].IsShared)
                Copy(page);
        }
        while (_pages.Count < end)
            _pages.Add(memory.Page(_pages.Count));
    }

    /// <summary>A second sequence with the first positions of this one, whose pages both hold from now on.</summary>
    /// <param name="positions">How many positions.</param>
    /// <param name="forkMemory">Where the second sequence's further pages come from.</param>
    public KeyValuePages Fork(int positions, KeyValueMemory forkMemory)
    {
        KeyValuePages fork = new(forkMemory);
        for (int page = 0; page < (positions + PageLength - 1L) / PageLength; page++)
        {
            _pages[page].AddReference();
            fork._pages.Add(_pages[page]);
        }
        return fork;
    }

    /// <summary>
    /// Stores one reserved position's keys and values, [KV heads · head dimension] each. Different positions may be stored by different threads.
    /// </summary>
    public void Store(int position, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        KeyValuePage page = _pages[position / PageLength];
        Span<float> x = stackalloc float[KeyValueLayout.BlockColumns];
        int at = position % PageLength;
        for (int head = 0; head < Layout.KvHeads; head++)
        {
            byte* headKeys = page.Keys(head), headValues = page.Values(head);
            for (int block = 0; block < Layout.Blocks; block++)
            {
                TakeBlock(keys, head, block, x);
                StoreKey(headKeys, at, block, x);
                TakeBlock(values, head, block, x);
                StoreValue(headValues, at, block, x);
            }
        }
    }

    /// <summary>Takes out one position's keys and values as they are stored, [KV heads · head dimension] each.</summary>
    public void Load(int position, Span<float> keys, Span<float> values)
    {
        KeyValuePage page = _pages[position / PageLength];
        Span<float> x = stackalloc float[KeyValueLayout.BlockColumns];
        int at = position % PageLength;
        for (int head = 0; head < Layout.KvHeads; head++)
        {
            byte* headKeys = page.Keys(head), headValues = page.Values(head);
            for (int block = 0; block < Layout.Blocks; block++)
            {
                LoadKey(headKeys, at, block, x);
                GiveBlock(x, head, block, keys);
                LoadValue(headValues, at, block, x);
                GiveBlock(x, head, block, values);
            }
        }
    }

    /// <summary>Lets go of all pages.</summary>
    public void Dispose()
    {
        foreach (KeyValuePage page in _pages)
            page.Release();
        _pages.Clear();
    }

    private void Copy(int page)
    {
        KeyValuePage copy = memory.Page(page);
        _pages[page].Bytes.CopyTo(copy.Bytes);
        _pages[page].Release();
        _pages[page] = copy;
    }

    private int BlockLength(int block) => Math.Min(KeyValueLayout.BlockColumns, Layout.HeadDimension - block * KeyValueLayout.BlockColumns);

    private void TakeBlock(ReadOnlySpan<float> heads, int head, int block, Span<float> x)
    {
        int length = BlockLength(block);
        heads.Slice(head * Layout.HeadDimension + block * KeyValueLayout.BlockColumns, length).CopyTo(x);
        x[length..].Clear();
    }

    private void GiveBlock(ReadOnlySpan<float> x, int head, int block, Span<float> heads) =>
        x[..BlockLength(block)].CopyTo(heads[(head * Layout.HeadDimension + block * KeyValueLayout.BlockColumns)..]);

    private void StoreKey(byte* keys, int position, int block, Span<float> x)
    {
        switch (Layout.Keys)
        {
            case KeyValueFormat.F16: HalfStorage.StoreKey(keys, Layout.Blocks, position, block, x); break;
            case KeyValueFormat.Q8_0: QuantizedStorage.StoreKey(keys, Layout.Blocks, position, block, x); break;
            default: SingleStorage.StoreKey(keys, Layout.Blocks, position, block, x); break;
        }
    }

    private void LoadKey(byte* keys, int position, int block, Span<float> x)
    {
        switch (Layout.Keys)
        {
            case KeyValueFormat.F16: HalfStorage.LoadKey(keys, Layout.Blocks, position, block, x); break;
            case KeyValueFormat.Q8_0: QuantizedStorage.LoadKey(keys, Layout.Blocks, position, block, x); break;
            default: SingleStorage.LoadKey(keys, Layout.Blocks, position, block, x); break;
        }
    }

    private void StoreValue(byte* values, int position, int block, Span<float> x)
    {
        switch (Layout.Values)
        {
            case KeyValueFormat.F16: HalfStorage.StoreValue(values, position, block, x); break;
            case KeyValueFormat.Q8_0: QuantizedStorage.StoreValue(values, position, block, x); break;
            default: SingleStorage.StoreValue(values, position, block, x); break;
        }
    }

    private void LoadValue(byte* values, int position, int block, Span<float> x)
    {
        switch (Layout.Values)
        {
            case KeyValueFormat.F16: HalfStorage.LoadValue(values, position, block, x); break;
            case KeyValueFormat.Q8_0: QuantizedStorage.LoadValue(values, position, block, x); break;
            default: SingleStorage.LoadValue(values, position, block, x); break;
        }
    }
}
