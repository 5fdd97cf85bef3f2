using MeKi.Kernels;
using MeKi.Store;

namespace MeKi.Model.Layers;

/// <summary>
/// The records of one sequence's batches: of the one being computed, and of the one that comes next and is read ahead. Two leases serve all batches, so that
/// decoding allocates nothing.
/// </summary>
internal sealed class BatchLeases(RecordStore store, ComputePool pool) : IDisposable
{
    private RowLease _current = store.Lease([]);
    private RowLease _next = store.Lease([]);

    /// <summary>Begins to read what comes next, or probably does.</summary>
    public void Prefetch(ReadOnlySpan<int> tokens)
    {
        if (!_next.IsFor(tokens))
            _next.Renew(tokens);
    }

    /// <summary>Turns to a batch, whose records may be on their way already.</summary>
    public void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        // A read that failed is not kept: the next attempt at these tokens reads again.
        if (_next.IsFor(tokens))
            (_current, _next) = (_next, _current);
        else if (!_current.IsFor(tokens))
            _current.Renew(tokens);
        _current.Cancellation = cancellationToken;
    }

    /// <summary>Waits for the batch's records.</summary>
    public void Await()
    {
        // Workers look for work for half a millisecond before they sleep, and meanwhile the thread that reads may have no core: that was what most waits waited
        // for.
        if (!_current.Arrived)
            pool.Rest();
        _current.Await();
    }

    /// <summary>A token's record.</summary>
    /// <param name="token">Which token of the batch.</param>
    public ReadOnlySpan<byte> Record(int token) => _current.Record(token);

    public void Dispose()
    {
        _current.Dispose();
        _next.Dispose();
    }
}
