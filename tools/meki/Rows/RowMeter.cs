using System.Diagnostics.Metrics;

namespace MeKi.Tool.Rows;

/// <summary>Listens to the meter <c>MeKi.Store</c> of this process.</summary>
internal sealed class RowMeter : IDisposable
{
    private readonly MeterListener _listener = new();
    private long _hits, _misses, _bytes;

    public RowMeter()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "MeKi.Store")
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => Interlocked.Add(
            ref instrument.Name is "meki.store.hits" ? ref _hits : ref instrument.Name is "meki.store.misses" ? ref _misses : ref _bytes, value));
        _listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => (instrument.Name is "meki.store.wait" ? Waits : Reads).Add(value));
        _listener.Start();
    }

    /// <summary>Time that each forward pass stood waiting for rows, divided by its tokens.</summary>
    public TimeHistogram Waits { get; } = new();

    /// <summary>Time of each read of the file.</summary>
    public TimeHistogram Reads { get; } = new();

    /// <summary>Bytes read from storage.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Share of the records asked for that were in memory or on their way.</summary>
    public double HitShare => _hits + _misses == 0 ? 0 : (double)_hits / (_hits + _misses);

    /// <summary>Forgets what was measured.</summary>
    public void Clear()
    {
        (_hits, _misses, _bytes) = (0, 0, 0);
        Waits.Clear();
        Reads.Clear();
    }

    public void Dispose() => _listener.Dispose();
}
