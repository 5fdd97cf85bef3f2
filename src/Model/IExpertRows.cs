using MeKi.Kernels;

namespace MeKi.Model;

/// <summary>Where the forward pass gets the expert vectors e of its tokens (equation 3): folded rows from storage, or the training form computed anew.</summary>
internal interface IExpertRows : IDisposable
{
    /// <summary>Says early which token comes next, so that its rows are on their way while the caller does other things.</summary>
    void Prefetch(int token);

    /// <summary>Begins a batch; returns before its rows are there.</summary>
    void Begin(ReadOnlySpan<int> tokens);

    /// <summary>Writes the batch's vectors of a layer, [n × m], waiting for them where it must.</summary>
    void Read(int layer, ActivationMatrix experts);
}
