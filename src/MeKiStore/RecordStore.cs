using System.Diagnostics;
using MeKi.Store.Reading;
using MeKi.Store.Storage;

namespace MeKi.Store;

/// <summary>
/// An open file with a record for each token: hands out the rows of tokens. A lease starts its reads at once and is waited for where a row is needed, so the
/// caller's work up to there hides the storage's latency. Records that were used stay in a cache of limited size, shared by all leases. Safe for any number of
/// threads.
/// </summary>
/// <remarks>
/// What is in memory: the cache's budget (<see cref="RowStoreOptions.CacheBytes"/>), beyond it only what leases hold that did not fit, 128 KB for each of at
/// most four threads that read, 64 KB for one that verifies, and 4 bytes for each token of the vocabulary.
/// </remarks>
public abstract class RecordStore : IDisposable
{
    private readonly ReadQueue _reads;
    private readonly GroupVerifier? _verifier;

    private protected RecordStore(RecordSource source, RecordLayout layout, RowStoreOptions options)
    {
        (Source, Records) = (source, layout);
        Meter = new(source.Path);
        _reads = new(layout.RecordStride, Read, options.Start);
        Cache = new(layout, options.CacheBytes, _reads);
        _verifier = layout.Verifier(source, Cache.Condemn, options.Start);
    }

    /// <summary>The file.</summary>
    public string Path => Source.Path;

    /// <summary>What the store has done so far.</summary>
    public StoreCounters Counters => Meter.Sums(Records.Layers);

    /// <summary>Groups of records that have been checked against their checksums: each once, some time after its first use. 0 where there are none.</summary>
    internal int VerifiedGroups => _verifier?.Verified ?? 0;

    /// <summary>Where the records lie.</summary>
    internal RecordLayout Records { get; }

    /// <summary>The file's bytes.</summary>
    internal RecordSource Source { get; }

    internal RecordCache Cache { get; }

    internal StoreMeter Meter { get; }

    /// <summary>Begins to read the records of some tokens; each distinct token is read once, and not at all where it is in the cache.</summary>
    /// <param name="tokens">Token ids; the lease's rows come in this order.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    public RowLease Lease(ReadOnlySpan<int> tokens) => new(this, tokens);

    /// <summary>
    /// Ends the threads that read and closes the file, after the reads in progress. Reads that have not begun end with an error; rows that were read stay.
    /// </summary>
    public void Dispose()
    {
        _reads.Dispose();
        _verifier?.Dispose();
        Source.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Reads records that the caller has taken for reading.</summary>
    /// <param name="run">Slots in ascending order of token.</param>
    /// <param name="staging">Memory for the file's bytes from the first to the last; not needed for one record.</param>
    internal void Read(ReadOnlySpan<RecordSlot> run, Span<byte> staging)
    {
        Exception? failure = null;
        try
        {
            ReadBytes(run, staging);
        }
        catch (Exception reason)
        {
            failure = reason;
        }
        if (failure is not null && run.Length > 1)
        {
            // What is wrong with one record, or between two, is no fault of the others.
            for (int i = 0; i < run.Length; i++)
                Read(run.Slice(i, 1), default);
            return;
        }
        if (failure is null)
        {
            // Before the slots are given out: their tokens may change from then on.
            foreach (RecordSlot slot in run)
                _verifier?.Use(slot.Token);
        }
        Cache.Complete(run, failure);
    }

    /// <summary>Puts what the options say before a source, and makes a store of it.</summary>
    /// <param name="source">The file; closed where no store comes of it.</param>
    /// <param name="options">The options.</param>
    /// <param name="open">Checks the file and makes the store.</param>
    private protected static TStore Open<TStore>(RecordSource source, RowStoreOptions options, Func<RecordSource, TStore> open)
    {
        try
        {
            source = options.Before?.Invoke(source) ?? source;
            return open(source);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    private void ReadBytes(ReadOnlySpan<RecordSlot> run, Span<byte> staging)
    {
        long start = Stopwatch.GetTimestamp();
        int stride = Records.RecordStride, first = run[0].Token;
        Span<byte> bytes = run.Length == 1 ? run[0].Bytes : staging[..((run[^1].Token - first + 1) * stride)];
        Source.ReadFully(bytes, Records.RecordOffset(first));
        if (run.Length > 1)
        {
            foreach (RecordSlot slot in run)
                bytes.Slice((slot.Token - first) * stride, stride).CopyTo(slot.Bytes);
        }
        Meter.Read(run.Length, bytes.Length, Stopwatch.GetTimestamp() - start);
    }
}
