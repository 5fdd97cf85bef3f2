using MeKi.Quant;

namespace MeKi.Model.Layers;

/// <summary>
/// Where the token-row branch gets the vectors e of a batch's tokens, one for each token and layer: rows read from storage, or computed from a checkpoint's
/// training form. An instance serves one sequence.
/// </summary>
internal abstract class TokenRows : IDisposable
{
    /// <summary>Says early which tokens come next, or probably do, so that what lies on storage is on its way while the caller does other things.</summary>
    public virtual void Prefetch(ReadOnlySpan<int> tokens)
    {
    }

    /// <summary>Begins a batch; returns before its rows are there.</summary>
    /// <param name="tokens">The batch.</param>
    /// <param name="cancellationToken">Ends waiting for the batch's rows.</param>
    public abstract void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken);

    /// <summary>Of the batch only some tokens go on: the rows of the layers to come are asked for these.</summary>
    /// <param name="tokens">Which tokens of the batch, in order.</param>
    public virtual void Keep(ReadOnlySpan<int> tokens)
    {
    }

    /// <summary>
    /// Makes the batch's rows of a layer ready, on the thread that began it: a thread that waited within a region would keep all other sequences of the model
    /// from computing.
    /// </summary>
    public abstract void Await(int layer);

    /// <summary>A token's row of the layer that was made ready, [m]. From any thread; valid until the next batch or layer.</summary>
    /// <param name="token">Which token of the batch.</param>
    public abstract StoredRow Row(int token);

    /// <summary>Lets go of what is held.</summary>
    public abstract void Dispose();
}
