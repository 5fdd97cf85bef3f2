using MeKi.Kernels;
using MeKi.Quant;

namespace MeKi.Model.Layers;

/// <summary>Where the encoded rows of a table with one row for each token come from (<see cref="Architectures.Role.RowTable"/>). An instance serves one sequence.</summary>
internal abstract class TokenTable : IDisposable
{
    /// <summary>How rows are encoded.</summary>
    public abstract BlockFormat Format { get; }

    /// <summary>Says early which tokens come next, or probably do.</summary>
    public virtual void Prefetch(ReadOnlySpan<int> tokens)
    {
    }

    /// <summary>Begins a batch; returns before its rows are there.</summary>
    /// <param name="tokens">The batch.</param>
    /// <param name="cancellationToken">Ends waiting for the batch's rows.</param>
    public abstract void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken);

    /// <summary>Waits for the batch's rows, on the thread that began it.</summary>
    public virtual void Await()
    {
    }

    /// <summary>A token's row, encoded. From any thread; valid until the next batch.</summary>
    /// <param name="token">Which token of the batch.</param>
    public abstract ReadOnlySpan<byte> Row(int token);

    /// <summary>Lets go of what is held.</summary>
    public virtual void Dispose()
    {
    }
}

/// <summary>A table that lies in a mapped file.</summary>
internal sealed class MappedTokenTable(WeightMatrix matrix) : TokenTable
{
    private int[] _tokens = [];

    public override BlockFormat Format => matrix.Format;

    public override void Begin(ReadOnlySpan<int> tokens, CancellationToken cancellationToken)
    {
        if (_tokens.Length < tokens.Length)
            _tokens = new int[tokens.Length];
        tokens.CopyTo(_tokens);
    }

    public override ReadOnlySpan<byte> Row(int token) => matrix.Row(_tokens[token]);
}
