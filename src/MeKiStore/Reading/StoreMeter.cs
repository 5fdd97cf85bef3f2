using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace MeKi.Store.Reading;

/// <summary>
/// Counts what a store does: for <see cref="RecordStore.Counters"/>, and for whoever listens to the meter <c>MeKi.Store</c>. Allocates nothing.
/// </summary>
/// <param name="path">The row file: the tag <c>file</c> of every measurement.</param>
internal sealed class StoreMeter(string path)
{
    private static readonly Meter Meter = new("MeKi.Store");
    private static readonly Counter<long> HitCounter =
        Meter.CreateCounter<long>("meki.store.hits", "{record}", "Records asked for that were in memory or on their way.");
    private static readonly Counter<long> MissCounter = Meter.CreateCounter<long>("meki.store.misses", "{record}", "Records asked for that had to be read.");
    private static readonly Counter<long> ByteCounter = Meter.CreateCounter<long>("meki.store.bytes", "By", "Bytes read from storage.");
    private static readonly Histogram<double> ReadLatency = Meter.CreateHistogram<double>("meki.store.read.duration", "s", "Time of one read of the file.");
    private static readonly Histogram<double> TokenWait =
        Meter.CreateHistogram<double>("meki.store.wait", "s", "Time that a batch stood waiting for its rows, divided by its tokens.");

    private readonly KeyValuePair<string, object?> _file = new("file", path);
    private long _records, _bytes, _reads, _readTicks, _waitTicks, _hits, _misses;

    /// <summary>The sums.</summary>
    /// <param name="layers">Rows of a record.</param>
    public StoreCounters Sums(int layers) => new(
        Interlocked.Read(ref _records) * layers, Interlocked.Read(ref _bytes), Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _waitTicks)),
        Interlocked.Read(ref _hits), Interlocked.Read(ref _misses), Interlocked.Read(ref _reads),
            Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _readTicks)));

    public void Asked(int hits, int misses)
    {
        Interlocked.Add(ref _hits, hits);
        Interlocked.Add(ref _misses, misses);
        HitCounter.Add(hits, _file);
        MissCounter.Add(misses, _file);
    }

    public void Read(int records, int bytes, long ticks)
    {
        Interlocked.Add(ref _records, records);
        Interlocked.Add(ref _bytes, bytes);
        Interlocked.Increment(ref _reads);
        Interlocked.Add(ref _readTicks, ticks);
        ByteCounter.Add(bytes, _file);
        ReadLatency.Record(Stopwatch.GetElapsedTime(0, ticks).TotalSeconds, _file);
    }

    public void Waited(long ticks) => Interlocked.Add(ref _waitTicks, ticks);

    public void BatchEnded(int tokens, long waitTicks) => TokenWait.Record(Stopwatch.GetElapsedTime(0, waitTicks).TotalSeconds / tokens, _file);
}
