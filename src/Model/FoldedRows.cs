using MeKi.Kernels;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model;

/// <summary>Expert vectors of a folded model: rows of the row file. Two leases serve all batches, one computing and one being read ahead, so that decoding allocates nothing.</summary>
internal sealed class FoldedRows(RowStore store, ComputePool pool) : IExpertRows
{
    private RowLease _current = store.Lease([]);
    private RowLease _next = store.Lease([]);
    private int _layer;

    public void Prefetch(ReadOnlySpan<int> tokens)
    {
        if (!_next.IsFor(tokens))
            _next.Renew(tokens);
    }

    public void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        // A read that failed is not kept: the next attempt at these tokens reads again.
        if (_next.IsFor(tokens))
            (_current, _next) = (_next, _current);
        else if (!_current.IsFor(tokens))
            _current.Renew(tokens);
        _current.Cancellation = cancellationToken;
    }

    public void BeginLayer(int layer) => _layer = layer;

    public void Await()
    {
        // Workers look for work for half a millisecond before they sleep, and meanwhile the thread that reads may have no core: that was what most waits waited for.
        if (!_current.Arrived)
            pool.Rest();
        _current.Await();
    }

    public StoredRow Row(int token) => store.Layout.Row(_current.Record(token), _layer);

    public void Dispose()
    {
        _current.Dispose();
        _next.Dispose();
    }
}
