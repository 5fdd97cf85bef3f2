namespace MeKi.Store.Storage;

/// <summary>
/// Another source at the pace of a slower device. Reads beyond the device's depth wait for one before them, and the bytes of all pass one bus.
/// </summary>
internal sealed class SlowStorage : RecordSource
{
    private readonly RecordSource _source;
    private readonly StorageProfile _profile;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly long[] _freeAt;
    private long _busFreeAt;

    /// <param name="source">The bytes; disposed with this.</param>
    /// <param name="profile">The device.</param>
    /// <param name="time">Its clock.</param>
    public SlowStorage(RecordSource source, StorageProfile profile, TimeProvider time)
    {
        (_source, _profile, _time) = (source, profile, time);
        _freeAt = new long[profile.Depth];
        Array.Fill(_freeAt, time.GetTimestamp());
    }

    public override string Path => _source.Path;

    public override long Length => _source.Length;

    public override int Read(Span<byte> target, long offset)
    {
        long end = Book(target.Length);
        int read = _source.Read(target, offset);
        WaitUntil(end);
        return read;
    }

    public override void Dispose() => _source.Dispose();

    /// <summary>Takes the command slot that is free first, then the bus.</summary>
    /// <returns>When the read will have ended.</returns>
    private long Book(int bytes)
    {
        long latency = (long)(_profile.Latency.TotalSeconds * _time.TimestampFrequency);
        long transfer = (long)(bytes / _profile.BytesPerSecond * _time.TimestampFrequency);
        lock (_lock)
        {
            int slot = Array.IndexOf(_freeAt, _freeAt.Min());
            long found = Math.Max(_freeAt[slot], _time.GetTimestamp()) + latency;
            return _freeAt[slot] = _busFreeAt = Math.Max(found, _busFreeAt) + transfer;
        }
    }

    private void WaitUntil(long end)
    {
        // Timers count in milliseconds: the rest of one is spent looking at the clock, so that a device of 100 µs can be told from one of 1,000.
        for (TimeSpan left; (left = _time.GetElapsedTime(_time.GetTimestamp(), end)) > TimeSpan.Zero;)
        {
            if (left.TotalMilliseconds < 1)
            {
                Thread.Yield();
                continue;
            }
            using ManualResetEventSlim over = new();
            using ITimer timer = _time.CreateTimer(static state => ((ManualResetEventSlim)state!).Set(), over,
                TimeSpan.FromMilliseconds(Math.Floor(left.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
            over.Wait();
        }
    }
}
