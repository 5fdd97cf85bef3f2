namespace MeKi.Store;

/// <summary>What a store has done since it was opened.</summary>
/// <param name="RowsRead">Rows read from storage: records times layers.</param>
/// <param name="BytesRead">Bytes read from storage, those between the records of a merged read included.</param>
/// <param name="WaitTime">Time that callers stood waiting for rows that were not there yet.</param>
/// <param name="Hits">Records asked for that were in memory or on their way.</param>
/// <param name="Misses">Records asked for that had to be read.</param>
/// <param name="Reads">Reads of the file; a merged one brings several records.</param>
/// <param name="ReadTime">Time that these took, summed over the threads that read.</param>
public readonly record struct StoreCounters(long RowsRead, long BytesRead, TimeSpan WaitTime, long Hits, long Misses, long Reads, TimeSpan ReadTime)
{
    /// <summary>What was added since an earlier reading.</summary>
    public StoreCounters Since(StoreCounters earlier) => new(
        RowsRead - earlier.RowsRead, BytesRead - earlier.BytesRead, WaitTime - earlier.WaitTime,
        Hits - earlier.Hits, Misses - earlier.Misses, Reads - earlier.Reads, ReadTime - earlier.ReadTime);
}
