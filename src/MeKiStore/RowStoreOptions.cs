using MeKi.Store.Storage;

namespace MeKi.Store;

/// <summary>How rows are read from storage.</summary>
public sealed record RowStoreOptions
{
    /// <summary>
    /// Bytes of records kept in memory for all sessions of a model. At least one record is, and the records in use always are: see <see cref="RecordStore"/>.
    /// The default is 32 MB, 9,000 tokens of the 0.6B model's int8 rows, which is nearly every token that a text repeats.
    /// </summary>
    public long CacheBytes { get; init; } = 32 << 20;

    /// <summary>
    /// Reads through a memory map of the file instead of positional reads. Cold, it reads more than it is asked for: README, "Rows on storage".
    /// </summary>
    public bool MemoryMapped { get; init; }

    /// <summary>Puts something before the file: a slower device, or one that fails.</summary>
    internal Func<RecordSource, RecordSource>? Before { get; init; }

    /// <summary>Starts a thread; false where the system gives none.</summary>
    internal Func<Thread, bool> Start { get; init; } = static thread =>
    {
        try
        {
            thread.Start();
            return true;
        }
        catch (Exception failure) when (failure is OutOfMemoryException or ThreadStartException)
        {
            return false;
        }
    };
}
