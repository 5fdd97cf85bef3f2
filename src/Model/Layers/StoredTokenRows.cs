using MeKi.Kernels;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Layers;

/// <summary>Rows of a row file. Two leases serve all batches, one computing and one being read ahead, so that decoding allocates nothing.</summary>
internal sealed class StoredTokenRows(RowStore store, ComputePool pool) : TokenRows
{
    private RowLease _current = store.Lease([]);
    private RowLease _next = store.Lease([]);
    private int _layer;

    public override void Prefetch(ReadOnlySpan<int> tokens)
    {
        if (!_next.IsFor(tokens))
            _next.Renew(tokens);
    }

    public override void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        // A read that failed is not kept: the next attempt at these tokens reads again.
        if (_next.IsFor(tokens))
            (_current, _next) = (_next, _current);
        else if (!_current.IsFor(tokens))
            _current.Renew(tokens);
        _current.Cancellation = cancellationToken;
    }

    public override void Await(int layer)
    {
        _layer = layer;
        // Workers look for work for half a millisecond before they sleep, and meanwhile the thread that reads may have no core: that was what most waits waited
        // for.
        if (!_current.Arrived)
            pool.Rest();
        _current.Await();
    }

    public override StoredRow Row(int token) => store.Layout.Row(_current.Record(token), _layer);

    public override void Dispose()
    {
        _current.Dispose();
        _next.Dispose();
    }
}
