namespace MeKi.Tests;

/// <summary>What code allocates on the thread that runs it.</summary>
internal static class AllocatedBytes
{
    /// <summary>The least of up to 20 runs: the runtime itself may allocate in the midst of one, on this thread's account, a thread for its pool for example. What the code allocates is there each time.</summary>
    public static long Least(Action code)
    {
        long least = long.MaxValue;
        for (int run = 0; run < 20 && least > 0; run++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            code();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
