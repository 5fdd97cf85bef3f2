using MeKi.Kernels;
using MeKi.Store;

namespace MeKi.Model;

/// <summary>Expert vectors of a folded model: rows of the row file. One lease serves all batches, so that decoding allocates nothing.</summary>
internal sealed class FoldedRows(RowStore store) : IExpertRows
{
    private RowLease? _lease;

    public void Prefetch(int token) => Request([token]);

    public void Begin(ReadOnlySpan<int> tokens)
    {
        // A read that failed is not kept: the next attempt at these tokens reads again.
        if (_lease?.IsFor(tokens) != true)
            Request(tokens);
    }

    public void Read(int layer, ActivationMatrix experts)
    {
        experts.Reserve(_lease!.Count);
        for (int i = 0; i < _lease.Count; i++)
            _lease.Decode(i, layer, experts.Row(i));
    }

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
