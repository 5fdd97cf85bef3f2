namespace MeKi.Model.Adapters.Merging;

/// <summary>Work on a model's matrices, each for itself: on several threads, since a matrix' result does not depend on the others'.</summary>
internal static class MatrixWork
{
    // Each holds the factors of all adapters for its matrix.
    private const int MostThreads = 8;

    /// <summary>Does it.</summary>
    /// <param name="count">How many matrices.</param>
    /// <param name="work">Does one.</param>
    /// <param name="progress">Told how many are done.</param>
    /// <param name="stage">What is done, for people.</param>
    /// <param name="cancellation">Heeded between matrices.</param>
    public static void Run(int count, Action<int> work, IProgress<WorkProgress>? progress, string stage, CancellationToken cancellation)
    {
        int done = 0;
        ParallelOptions options = new() { MaxDegreeOfParallelism = Math.Min(MostThreads, Environment.ProcessorCount), CancellationToken = cancellation };
        try
        {
            Parallel.For(0, count, options, i =>
            {
                work(i);
                progress?.Report(new(stage, Interlocked.Increment(ref done), count, "matrices"));
            });
        }
        catch (AggregateException failures)
        {
            // One file's fault is told by itself.
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
    }
}
