using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace MeKi.Store.Tests;

/// <summary>What a listener of the meter hears, against what happened.</summary>
public sealed class StoreMeterTests
{
    [Fact]
    public void The_meter_tells_hits_misses_bytes_reads_and_waits_of_each_file()
    {
        using TableFile table = new(300), other = new(300);
        ConcurrentDictionary<string, double> sums = new();
        ConcurrentDictionary<string, int> counts = new();
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "MeKi.Store")
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Hear(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>(Hear);
        listener.Start();

        using RowStore store = RowStore.Open(table.Path), beside = RowStore.Open(other.Path);
        using (RowLease lease = store.Lease([3, 200]), again = store.Lease([200, 200, 1]))
        using (RowLease elsewhere = beside.Lease([5]))
        {
            table.AssertRecords(lease, [3, 200]);
            table.AssertRecords(again, [200, 200, 1]);
            other.AssertRecords(elsewhere, [5]);
        }
        Assert.Equal((1, 3), (sums["meki.store.hits"], sums["meki.store.misses"]));
        Assert.Equal(store.Counters.BytesRead, sums["meki.store.bytes"]);
        Assert.Equal(store.Counters.Reads, counts["meki.store.read.duration"]);
        Assert.True(sums["meki.store.read.duration"] > 0);
        Assert.Equal(2, counts["meki.store.wait"]);

        void Hear(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state = null)
        {
            if (tags[0] is not { Key: "file", Value: string file } || file != table.Path)
                return;
            sums.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
            counts.AddOrUpdate(instrument.Name, 1, (_, count) => count + 1);
        }
    }
}
