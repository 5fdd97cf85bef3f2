using MeKi.Store.Storage;

namespace MeKi.Store.Tests;

/// <summary>The slow device under a clock that only moves when somebody waits for it.</summary>
public sealed class SlowStorageTests
{
    [Theory]
    [InlineData("sd", 4096)]
    [InlineData("emmc", 4096)]
    [InlineData("ufs", 4096)]
    [InlineData("nvme", 4096)]
    [InlineData("sd", 1 << 20)]
    [InlineData("emmc", 1 << 20)]
    public void A_read_takes_the_latency_and_the_transfer(string name, int bytes)
    {
        StorageProfile profile = StorageProfile.All.Single(each => each.Name == name);
        WaitedClock clock = new();
        using SlowStorage slow = new(new Zeros(), profile, clock);
        for (int i = 1; i <= 10; i++)
        {
            Assert.Equal(bytes, slow.Read(new byte[bytes], 0));
            double expected = i * (profile.Latency.TotalSeconds + bytes / profile.BytesPerSecond);
            // The clock moves 1 µs at each look.
            Assert.InRange(clock.Seconds, expected, expected + i * 5e-6);
        }
    }

    [Theory]
    [InlineData("sd", 1, 1500)]
    [InlineData("emmc", 2, 11_000)]
    [InlineData("nvme", 1, 15_000)]
    public void The_profiles_reach_the_random_reads_their_sources_name(string name, int queue, double readsPerSecond)
    {
        StorageProfile profile = StorageProfile.All.Single(each => each.Name == name);
        Assert.Equal(readsPerSecond, queue / (profile.Latency.TotalSeconds + 4096 / profile.BytesPerSecond), readsPerSecond * 0.01);
    }

    // A megabyte takes 20.97 ms on an SD card's bus and 4.19 on that of eMMC, which also looks for two records at a time.
    [Theory]
    [InlineData("sd", 21, 43, 64)]
    [InlineData("emmc", 4, 8, 12)]
    public void Reads_at_once_share_the_bus_and_those_beyond_the_queue_wait_for_it(string name, params int[] milliseconds)
    {
        StillClock clock = new();
        using SlowStorage slow = new(new Zeros(), StorageProfile.All.Single(each => each.Name == name), clock);
        List<Thread> readers = [];
        foreach (int _ in milliseconds)
        {
            Thread reader = new(() => slow.Read(new byte[1 << 20], 0));
            readers.Add(reader);
            reader.Start();
            Assert.True(SpinWait.SpinUntil(() => clock.Timers.Count == readers.Count, TimeSpan.FromMinutes(1)));
        }
        Assert.Equal(milliseconds, clock.Timers.Select(timer => (int)timer.TotalMilliseconds));
        clock.EndAll();
        readers.ForEach(reader => reader.Join());
    }

    private sealed class Zeros : RecordSource
    {
        public override string Path => "zeros";

        public override long Length => long.MaxValue;

        public override int Read(Span<byte> target, long offset)
        {
            target.Clear();
            return target.Length;
        }

        public override void Dispose()
        {
        }
    }

    /// <summary>Stands still until the test lets an hour pass.</summary>
    private sealed class StillClock : TimeProvider
    {
        private readonly List<(TimerCallback Callback, object? State, TimeSpan Due)> _timers = [];
        private long _nanoseconds;

        public IReadOnlyList<TimeSpan> Timers
        {
            get
            {
                lock (_timers)
                    return [.. _timers.Select(timer => timer.Due)];
            }
        }

        public override long TimestampFrequency => 1_000_000_000;

        public override long GetTimestamp() => Interlocked.Read(ref _nanoseconds);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            lock (_timers)
                _timers.Add((callback, state, dueTime));
            return new Ended();
        }

        public void EndAll()
        {
            Interlocked.Exchange(ref _nanoseconds, 3_600_000_000_000);
            lock (_timers)
                _timers.ForEach(timer => timer.Callback(timer.State));
        }
    }

    /// <summary>Jumps to the end of every timer as it is made, and 1 µs at each look.</summary>
    private sealed class WaitedClock : TimeProvider
    {
        private long _nanoseconds;

        public double Seconds => _nanoseconds / 1e9;

        public override long TimestampFrequency => 1_000_000_000;

        public override long GetTimestamp() => Interlocked.Add(ref _nanoseconds, 1000);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Interlocked.Add(ref _nanoseconds, dueTime.Ticks * 100);
            callback(state);
            return new Ended();
        }

    }

    private sealed class Ended : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => false;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
