using MeKi.Kernels;
using MeKi.Store;

namespace MeKi.Model;

/// <summary>Expert vectors of a folded model: rows of the row file.</summary>
internal sealed class FoldedRows(RowStore store) : IExpertRows
{
    private RowLease? _lease;

    public void Prefetch(int token)
    {
        _lease?.Dispose();
        _lease = store.Lease([token]);
    }

    public void Begin(ReadOnlySpan<int> tokens)
    {
        if (_lease?.IsFor(tokens) == true)
            return;
        _lease?.Dispose();
        _lease = store.Lease(tokens);
    }

    public void Read(int layer, ActivationMatrix experts)
    {
        experts.Reserve(_lease!.Count);
        try
        {
            for (int i = 0; i < _lease.Count; i++)
                _lease.Decode(i, layer, experts.Row(i));
        }
        catch
        {
            // A failed read is not kept: the next attempt at these tokens reads again.
            _lease = null;
            throw;
        }
    }

    public void Dispose() => _lease?.Dispose();
}
