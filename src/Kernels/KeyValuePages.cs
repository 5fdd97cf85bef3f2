namespace MeKi.Kernels;

/// <summary>
/// Keys and values of one layer in float32, in pages of <see cref="PageLength"/> positions that are added as the sequence grows. Within a page each KV head has
/// its keys transposed, so that the scores of neighbouring positions are neighbouring lanes:
/// <code>
/// keys     [KV heads][head dimension][page length]
/// values   [KV heads][page length][head dimension]
/// </code>
/// </summary>
/// <param name="kvHeads">Key/value heads.</param>
/// <param name="headDimension">Values of a head.</param>
public sealed class KeyValuePages(int kvHeads, int headDimension)
{
    /// <summary>Positions of a page.</summary>
    public const int PageLength = 256;

    private readonly List<(float[] Keys, float[] Values)> _pages = [];

    /// <summary>Values of a head.</summary>
    public int HeadDimension => headDimension;

    /// <summary>Bytes held.</summary>
    public long ByteLength => 2L * sizeof(float) * _pages.Count * kvHeads * PageLength * headDimension;

    /// <summary>Adds pages until there is room for so many positions.</summary>
    public void Reserve(int positions)
    {
        int length = kvHeads * PageLength * headDimension;
        while (_pages.Count * PageLength < positions)
            _pages.Add((new float[length], new float[length]));
    }

    /// <summary>Stores one position's keys and values, [KV heads · head dimension] each, for which there is room. Different positions may be stored by different threads.</summary>
    public void Store(int position, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        (float[] keyPage, float[] valuePage) = _pages[position / PageLength];
        int at = position % PageLength;
        for (int i = 0; i < keys.Length; i++)
            keyPage[i * PageLength + at] = keys[i];
        for (int head = 0; head < kvHeads; head++)
            values.Slice(head * headDimension, headDimension).CopyTo(valuePage.AsSpan((head * PageLength + at) * headDimension));
    }

    /// <summary>The keys of a head at a page's positions, [head dimension × page length].</summary>
    public ReadOnlySpan<float> Keys(int page, int head) => _pages[page].Keys.AsSpan(head * PageLength * headDimension, PageLength * headDimension);

    /// <summary>The values of a head at a page's positions, [page length × head dimension].</summary>
    public ReadOnlySpan<float> Values(int page, int head) => _pages[page].Values.AsSpan(head * PageLength * headDimension, PageLength * headDimension);
}
