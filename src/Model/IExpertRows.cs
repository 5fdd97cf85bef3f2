using MeKi.Quant;

namespace MeKi.Model;

/// <summary>Where the forward pass gets the expert vectors e of its tokens (equation 3): folded rows from storage, or the training form computed anew.</summary>
internal interface IExpertRows : IDisposable
{
    /// <summary>Says early which batch comes next, or probably does, so that its rows are on their way while the caller does other things.</summary>
    void Prefetch(ReadOnlySpan<int> tokens);

    /// <summary>Begins a batch; returns before its rows are there.</summary>
    /// <param name="tokens">The batch.</param>
    /// <param name="cancellationToken">Ends waiting for the batch's rows.</param>
    void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken);

    /// <summary>Turns to a layer, on the thread that began the batch.</summary>
    void BeginLayer(int layer);

    /// <summary>
    /// Waits until the batch's vectors are there, on the thread that began it: a thread that waited within a region would keep all other sequences of the model from computing.
    /// </summary>
    void Await();

    /// <summary>The vector of a token of the batch in the layer turned to, [m]. From any thread; valid until the next batch or layer.</summary>
    StoredRow Row(int token);
}
