namespace MeKi.Kernels;

/// <summary>
/// What is done for one token, apart from all others. A structure, so that it is compiled into its loop and carries its operands without allocating.
/// </summary>
internal interface ILoopStep
{
    /// <summary>Does it.</summary>
    void Invoke(int token);
}

/// <summary>Work that is done for each token on its own: in place for few tokens, as a region of its own for a prompt's many.</summary>
/// <param name="pool">The threads to run on.</param>
internal sealed class ParallelLoop(ComputePool pool)
{
    // So many tokens' share of an elementwise step outweighs a region's start and end.
    private const int Chunk = 8;

    /// <summary>So many tokens' share of a longer step does: heads that are turned and stored.</summary>
    public const int FewTokens = 2;

    private Region?[] _regions = [];

    /// <summary>Calls <paramref name="step"/> with 0 … <paramref name="tokens"/> − 1, from several threads where there are many.</summary>
    /// <param name="tokens">How many.</param>
    /// <param name="step">What is done for each.</param>
    /// <param name="chunk">So many outweigh a region's start and end.</param>
    public void Run<TStep>(int tokens, TStep step, int chunk = Chunk)
        where TStep : struct, ILoopStep
    {
        if (tokens < 2L * chunk)
        {
            for (int token = 0; token < tokens; token++)
                step.Invoke(token);
            return;
        }
        if (_regions.Length <= StepNumber<TStep>.Value)
            Array.Resize(ref _regions, StepNumber<TStep>.Value + 1);
        StepRegion<TStep> region = (StepRegion<TStep>)(_regions[StepNumber<TStep>.Value] ??= new StepRegion<TStep>());
        region.Step = step;
        pool.Run(region, tokens, chunk);
    }

    private sealed class StepRegion<TStep> : Region
        where TStep : struct, ILoopStep
    {
        public TStep Step;

        public override void Execute(int begin, int end)
        {
            for (int token = begin; token < end; token++)
                Step.Invoke(token);
        }
    }

    /// <summary>Counts the kinds of steps, so that each finds its region without a search.</summary>
    private static class StepNumbers
    {
        public static int Last = -1;
    }

    private static class StepNumber<TStep>
    {
        public static readonly int Value = Interlocked.Increment(ref StepNumbers.Last);
    }
}
