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
    [InlineData("sd", 1500)]
    [InlineData("nvme", 15_000)]
    public void The_profiles_reach_the_random_reads_their_sources_name(string name, double readsPerSecond)
    {
        StorageProfile profile = StorageProfile.All.Single(each => each.Name == name);
        Assert.Equal(readsPerSecond, 1 / (profile.Latency.TotalSeconds + 4096 / profile.BytesPerSecond), readsPerSecond * 0.01);
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

        private sealed class Ended : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => false;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
