using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model;

/// <summary>Expert vectors of a folded model: rows of the row file. One lease serves all batches, so that decoding allocates nothing.</summary>
internal sealed class FoldedRows(RowStore store) : IExpertRows
{
    private RowLease? _lease;
    private int _layer;

    public void Prefetch(int token) => Request([token]);

    public void Begin(ReadOnlySpan<int> tokens)
    {
        // A read that failed is not kept: the next attempt at these tokens reads again.
        if (_lease?.IsFor(tokens) != true)
            Request(tokens);
    }

    public void BeginLayer(int layer) => _layer = layer;

    public StoredRow Row(int token) => store.Layout.Row(_lease!.Record(token), _layer);

    public void Dispose()
    {
        _lease?.Dispose();
        _lease = null;
    }

    private void Request(ReadOnlySpan<int> tokens)
    {
        if (_lease is null)
            _lease = store.Lease(tokens);
        else
            _lease.Renew(tokens);
    }
}
