namespace MeKi.Kernels;

/// <summary>
/// Keys and values of one layer in float32, in pages of <see cref="PageLength"/> positions that are added as the sequence grows.
/// Within a page a KV head's positions are contiguous: [KV heads × page length × head dimension].
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

    /// <summary>Stores one position's keys and values, [KV heads · head dimension] each, adding a page where the position begins one.</summary>
    public void Store(int position, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        if (position / PageLength == _pages.Count)
        {
            int length = kvHeads * PageLength * headDimension;
            _pages.Add((new float[length], new float[length]));
        }
        (float[] keyPage, float[] valuePage) = _pages[position / PageLength];
        for (int head = 0; head < kvHeads; head++)
        {
            int to = (head * PageLength + position % PageLength) * headDimension;
            keys.Slice(head * headDimension, headDimension).CopyTo(keyPage.AsSpan(to));
            values.Slice(head * headDimension, headDimension).CopyTo(valuePage.AsSpan(to));
        }
    }

    /// <summary>The keys of a head at a page's positions, [page length × head dimension].</summary>
    public ReadOnlySpan<float> Keys(int page, int head) => _pages[page].Keys.AsSpan(head * PageLength * headDimension, PageLength * headDimension);

    /// <summary>The values of a head at a page's positions, [page length × head dimension].</summary>
    public ReadOnlySpan<float> Values(int page, int head) => _pages[page].Values.AsSpan(head * PageLength * headDimension, PageLength * headDimension);
}
