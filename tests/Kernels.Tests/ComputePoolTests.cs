namespace MeKi.Kernels.Tests;

public class ComputePoolTests
{
    public static TheoryData<int> ThreadCounts => [1, 2, 3, 8];

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void Every_item_is_done_exactly_once(int threads)
    {
        using ComputePool pool = new(threads);
        foreach (int items in new[] { 0, 1, 2, 7, 64, 1000 })
        {
            foreach (int chunk in new[] { 1, 3, 64, 2000 })
            {
                Counting region = new(items);
                for (int run = 0; run < 20; run++)
                    pool.Run(region, items, chunk);
                Assert.All(region.Done, count => Assert.Equal(20, count));
            }
        }
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void Callers_on_many_threads_share_a_pool(int threads)
    {
        using ComputePool pool = new(threads);
        Parallel.For(0, 6, _ =>
        {
            Counting region = new(100);
            for (int run = 0; run < 200; run++)
                pool.Run(region, 100, 7);
            Assert.All(region.Done, count => Assert.Equal(200, count));
        });
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void An_exception_surfaces_on_the_caller_and_the_pool_goes_on(int threads)
    {
        using ComputePool pool = new(threads);
        for (int run = 0; run < 50; run++)
        {
            Assert.Equal("item 13", Assert.Throws<InvalidOperationException>(() => pool.Run(new Failing(), 40, 1)).Message);
            Counting region = new(40);
            pool.Run(region, 40, 1);
            Assert.All(region.Done, count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void Workers_that_parked_wake_again()
    {
        using ComputePool pool = new(3);
        Counting region = new(30);
        for (int run = 0; run < 5; run++)
        {
            Thread.Sleep(20);
            pool.Run(region, 30, 1);
        }
        Assert.All(region.Done, count => Assert.Equal(5, count));
    }

    [Fact]
    public void A_region_allocates_nothing()
    {
        using ComputePool pool = new(2);
        Counting region = new(64);
        pool.Run(region, 64, 4);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int run = 0; run < 100; run++)
            pool.Run(region, 64, 4);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Disposing_ends_the_workers_and_refuses_further_work()
    {
        for (int i = 0; i < 100; i++)
        {
            ComputePool pool = new(4);
            pool.Run(new Counting(8), 8, 1);
            pool.Dispose();
            pool.Dispose();
            Assert.Throws<ObjectDisposedException>(() => pool.Run(new Counting(8), 8, 1));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => new ComputePool(0));
    }

    private sealed class Counting(int items) : Region
    {
        public int[] Done { get; } = new int[items];

        public override void Execute(int begin, int end)
        {
            for (int i = begin; i < end; i++)
                Interlocked.Increment(ref Done[i]);
        }
    }

    private sealed class Failing : Region
    {
        public override void Execute(int begin, int end)
        {
            if (begin <= 13 && 13 < end)
                throw new InvalidOperationException("item 13");
        }
    }
}
