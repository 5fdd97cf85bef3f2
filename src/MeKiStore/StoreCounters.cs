namespace MeKi.Store;

/// <summary>What a store has done since it was opened.</summary>
/// <param name="RowsRead">Rows read from storage: records times layers.</param>
/// <param name="BytesRead">Bytes read from storage.</param>
/// <param name="WaitTime">Time that callers stood waiting for rows that were not there yet.</param>
public readonly record struct StoreCounters(long RowsRead, long BytesRead, TimeSpan WaitTime)
{
    /// <summary>What was added since an earlier reading.</summary>
    public StoreCounters Since(StoreCounters earlier) => new(RowsRead - earlier.RowsRead, BytesRead - earlier.BytesRead, WaitTime - earlier.WaitTime);
}
