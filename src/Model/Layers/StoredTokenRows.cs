using MeKi.Kernels;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Layers;

/// <summary>Rows of a row file.</summary>
internal sealed class StoredTokenRows(RowStore store, ComputePool pool) : TokenRows
{
    private readonly BatchLeases _leases = new(store, pool);
    private int _layer;

    public override void Prefetch(ReadOnlySpan<int> tokens) => _leases.Prefetch(tokens);

    public override void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken) => _leases.Begin(tokens, cancellationToken);

    public override void Await(int layer)
    {
        _layer = layer;
        _leases.Await();
    }

    public override StoredRow Row(int token) => store.Layout.Row(_leases.Record(token), _layer);

    public override void Dispose() => _leases.Dispose();
}
