namespace MeKi.Kernels.Tests;

/// <summary>How many threads a pool may have, and what happens where the system gives fewer.</summary>
[Trait("Fault", "18.19")]
public class ComputePoolThreadTests
{
    [Fact]
    public void More_threads_than_any_machine_uses_are_refused_at_once()
    {
        ArgumentOutOfRangeException failure = Assert.Throws<ArgumentOutOfRangeException>(() => new ComputePool(ComputePool.MaxThreads + 1));
        Assert.Contains("1024", failure.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ComputePool(100_000));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Threads_that_the_system_does_not_give_are_told_and_those_it_gave_end(int given)
    {
        List<Thread> started = [];
        InsufficientMemoryException failure = Assert.Throws<InsufficientMemoryException>(() => new ComputePool(8, thread =>
        {
            if (started.Count == given)
                throw new InsufficientMemoryException();
            thread.Start();
            started.Add(thread);
        }));
        Assert.Contains($"{given + 1} of 8 threads", failure.Message, StringComparison.Ordinal);
        Assert.IsType<InsufficientMemoryException>(failure.InnerException);
        Assert.All(started, thread => Assert.False(thread.IsAlive));
    }
}
