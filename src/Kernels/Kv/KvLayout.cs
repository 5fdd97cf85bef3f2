namespace MeKi.Kernels.Kv;

/// <summary>
/// What a page of one layer's KV cache holds, and where. Heads follow each other; a head's keys come first, then its values, each
/// <see cref="KvPage.Positions"/> positions of <see cref="Columns"/> columns. <see cref="IKvFormat"/> says how they lie within.
/// </summary>
/// <remarks>The layout is the same on every machine, so that pages may be saved and loaded as they are.</remarks>
/// <param name="KvHeads">Key/value heads.</param>
/// <param name="HeadDimension">Values of a head.</param>
/// <param name="Keys">Format of the keys.</param>
/// <param name="Values">Format of the values.</param>
internal sealed record KvLayout(int KvHeads, int HeadDimension, KvFormat Keys, KvFormat Values)
{
    /// <summary>Columns that are stored and computed with together: a Q8_0 block.</summary>
    public const int BlockColumns = 32;

    /// <summary>Blocks of columns; the last one is filled up with zeros.</summary>
    public int Blocks => (int)(((long)HeadDimension + BlockColumns - 1) / BlockColumns);

    /// <summary>Columns of a head, a multiple of 32.</summary>
    public int Columns => checked(Blocks * BlockColumns);

    /// <summary>Bytes that a position adds to the layer, keys and values of all heads.</summary>
    public long BytesPerPosition => checked(KvHeads * BytesPerPositionAndHead);

    /// <summary>Bytes of a page.</summary>
    public long PageBytes => checked(KvPage.Positions * BytesPerPosition);

    /// <summary>This layout, where the kernels can compute with it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Sizes are not positive, a page is larger than 2 GB, or heads are too large for the format of their
    /// keys.</exception>
    internal KvLayout Checked()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(KvHeads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(HeadDimension, 1);
        int most = KvStorage.Of(Keys).MostColumns;
        if (HeadDimension > most)
            throw new ArgumentOutOfRangeException(nameof(HeadDimension), HeadDimension,
                $"Heads of more than {most} values have no {Keys} keys; keep keys in F16.");
        if (KvHeads > int.MaxValue / KvPage.Positions / BytesPerPositionAndHead)
            throw new ArgumentOutOfRangeException(nameof(KvHeads), KvHeads, "A page of the KV cache would be larger than 2 GB.");
        return this;
    }

    /// <summary>
    /// Where in a page the first positions lie: what there is to save of a page that is not full. Whole groups of 32 positions, the largest that lie
    /// interleaved.
    /// </summary>
    /// <param name="positions">Positions, from 1 to <see cref="KvPage.Positions"/>.</param>
    public IEnumerable<(int Offset, int Length)> Parts(int positions)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(positions);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(positions, KvPage.Positions);
        // All offsets and lengths lie within the page.
        _ = checked((int)PageBytes);
        positions = (positions + 31) / 32 * 32;
        int keys = BlockBytes(Keys), scales = KvStorage.Of(Values).ValueScaleBytes, columns = BlockBytes(Values) - scales;
        for (int head = 0; head < KvHeads; head++)
        {
            int at = (int)(head * HeadBytes);
            yield return (at, positions * Blocks * keys);
            at += (int)KeyBytes;
            for (int block = 0; block < Blocks; block++, at += KvPage.Positions * (scales + columns))
            {
                if (scales > 0)
                    yield return (at, positions * scales);
                yield return (at + KvPage.Positions * scales, positions * columns);
            }
        }
    }

    /// <summary>Bytes of one head's keys in a page.</summary>
    internal long KeyBytes => (long)KvPage.Positions * Blocks * BlockBytes(Keys);

    /// <summary>Bytes of one head's keys and values in a page.</summary>
    internal long HeadBytes => PageBytes / KvHeads;

    private long BytesPerPositionAndHead => (long)Blocks * (BlockBytes(Keys) + BlockBytes(Values));

    private static int BlockBytes(KvFormat format) => KvStorage.Of(format).BlockBytes;
}
