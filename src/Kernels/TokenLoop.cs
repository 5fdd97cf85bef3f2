namespace MeKi.Kernels;

/// <summary>Work that is done for each token on its own: in place for few tokens, as a region of its own for a prompt's many.</summary>
/// <param name="pool">The threads to run on.</param>
public sealed class TokenLoop(ComputePool pool) : Region
{
    // A token's share of an elementwise step is 1 to 10 µs; eight of them outweigh a region's start and end.
    private const int Chunk = 8;

    private Action<int> _step = null!;

    /// <summary>Calls <paramref name="step"/> with 0 … <paramref name="tokens"/> − 1, from several threads where there are many.</summary>
    public void Run(int tokens, Action<int> step)
    {
        if (tokens < 2 * Chunk)
        {
            for (int token = 0; token < tokens; token++)
                step(token);
            return;
        }
        _step = step;
        pool.Run(this, tokens, Chunk);
    }

    /// <inheritdoc/>
    public override void Execute(int begin, int end)
    {
        for (int token = begin; token < end; token++)
            _step(token);
    }
}
