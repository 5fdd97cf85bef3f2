using System.Diagnostics;

namespace MeKi.Kernels.Tests;

/// <summary>Pools that come and go, rest, fail and are shared: what a process that holds several models for days asks of them.</summary>
public class ComputePoolLifetimeTests
{
    // Far beyond what any of this takes; a test that waits so long has met a lost wake-up.
    private static readonly TimeSpan Never = TimeSpan.FromMinutes(2);

    [Fact]
    public void Two_pools_serve_four_callers_each_and_failures_stay_with_their_caller()
    {
        using ComputePool first = new(3), second = new(2);
        Thread[] callers = new Thread[8];
        int[] good = new int[callers.Length], failed = new int[callers.Length];
        for (int i = 0; i < callers.Length; i++)
        {
            int caller = i;
            ComputePool pool = caller % 2 == 0 ? first : second;
            callers[i] = new(() =>
            {
                for (int run = 0; run < 500; run++)
                {
                    Sum region = new(failAt: run % 5 == 4 ? run % 50 : -1, message: $"{caller}/{run}");
                    try
                    {
                        pool.Run(region, 50, 3);
                        good[caller] += region.Total == 50 * 49 / 2 ? 1 : 0;
                    }
                    catch (InvalidOperationException failure)
                    {
                        failed[caller] += failure.Message == $"{caller}/{run}" ? 1 : 0;
                    }
                }
            });
            callers[i].Start();
        }
        Assert.All(callers, caller => Assert.True(caller.Join(Never)));
        Assert.All(good, count => Assert.Equal(400, count));
        Assert.All(failed, count => Assert.Equal(100, count));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Every_item_may_fail_and_one_failure_surfaces(int threads)
    {
        using ComputePool pool = new(threads);
        for (int run = 0; run < 100; run++)
            Assert.StartsWith("item ", Assert.Throws<InvalidOperationException>(() => pool.Run(new AllFail(), 64, 1)).Message, StringComparison.Ordinal);
        Sum region = new(-1, "");
        pool.Run(region, 100, 1);
        Assert.Equal(100 * 99 / 2, region.Total);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Disposing_waits_for_the_region_in_progress(int threads)
    {
        ComputePool pool = new(threads);
        using Gate region = new();
        Task running = Task.Factory.StartNew(() => pool.Run(region, 12, 1), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.True(region.Entered.Wait(Never));
        Task disposing = Task.Factory.StartNew(pool.Dispose, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Task.Delay(50);
        Assert.False(disposing.IsCompleted);
        Assert.False(running.IsCompleted);
        region.Open.Set();
        await Task.WhenAll(running, disposing).WaitAsync(Never);
        Assert.Equal(12, region.Done);
        Assert.Throws<ObjectDisposedException>(() => pool.Run(region, 12, 1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void No_items_are_no_work(int threads)
    {
        using ComputePool pool = new(threads);
        pool.Run(new AllFail(), 0, 1);
        pool.Run(new AllFail(), -1, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Run(new AllFail(), 1, 0));
        Assert.Throws<ArgumentNullException>(() => pool.Run(null!, 1, 1));
    }

    [Fact]
    public void Thousands_of_pools_leave_no_thread_behind()
    {
        int before = Threads();
        Sum region = new(-1, "");
        for (int i = 0; i < 2_000; i++)
        {
            using ComputePool pool = new(3);
            // Half of them are disposed as their workers start, half as they work or look for work.
            if (i % 2 == 0)
                pool.Run(region, 6, 1);
        }
        Assert.Equal(1_000 * 15, region.Total);
        // 4,000 were started. Tests beside this one start a few dozen.
        Assert.InRange(Threads() - before, -200, 200);
    }

    [Fact]
    public void An_idle_pool_sleeps_and_wakes_again()
    {
        using ComputePool pool = new(3);
        for (int run = 0; run < 20; run++)
        {
            Assert.True(SpinWait.SpinUntil(() => pool.ParkedWorkers == 2, Never));
            Sum region = new(-1, "");
            pool.Run(region, 40, 1);
            Assert.Equal(40 * 39 / 2, region.Total);
        }
    }

    [Fact]
    public async Task Sending_workers_to_sleep_at_any_moment_loses_no_region()
    {
        using ComputePool pool = new(3);
        using CancellationTokenSource over = new();
        Task resting = Task.Run(() =>
        {
            while (!over.IsCancellationRequested)
                pool.Rest();
        }, CancellationToken.None);
        Sum region = new(-1, "");
        for (int run = 0; run < 2_000; run++)
            pool.Run(region, 40, 1);
        await over.CancelAsync();
        await resting.WaitAsync(Never);
        Assert.Equal(2_000 * 40 * 39 / 2, region.Total);
        Assert.True(SpinWait.SpinUntil(() => pool.ParkedWorkers == 2 && pool.WakeUpsToCome == 0, Never));
    }

    [Fact]
    public void Workers_who_missed_regions_sleep_too()
    {
        // Many more threads than processors: most regions are over before most workers have woken. A permit for each that was missed would keep them awake long
        // after.
        using ComputePool pool = new(16);
        for (int burst = 0; burst < 10; burst++)
        {
            Assert.True(SpinWait.SpinUntil(() => pool.ParkedWorkers == 15, Never));
            Assert.Equal(0, pool.WakeUpsToCome);
            Sum region = new(-1, "");
            for (int run = 0; run < 500; run++)
                pool.Run(region, 32, 1);
            Assert.Equal(500L * (32 * 31 / 2), region.Total);
        }
    }

    private static int Threads()
    {
        using Process process = Process.GetCurrentProcess();
        return process.Threads.Count;
    }

    private sealed class Sum(int failAt, string message) : Region
    {
        private long _total;

        public long Total => Interlocked.Read(ref _total);

        public override void Execute(int begin, int end)
        {
            for (int i = begin; i < end; i++)
            {
                if (i == failAt)
                    throw new InvalidOperationException(message);
                Interlocked.Add(ref _total, i);
            }
        }
    }

    private sealed class AllFail : Region
    {
        public override void Execute(int begin, int end) => throw new InvalidOperationException($"item {begin}");
    }

    private sealed class Gate : Region, IDisposable
    {
        private int _done;

        public ManualResetEventSlim Entered { get; } = new();

        public ManualResetEventSlim Open { get; } = new();

        public int Done => _done;

        public override void Execute(int begin, int end)
        {
            Entered.Set();
            Open.Wait();
            Interlocked.Add(ref _done, end - begin);
        }

        public void Dispose()
        {
            Entered.Dispose();
            Open.Dispose();
        }
    }
}
