using System.Diagnostics;
using MeKi.Model;
using MeKi.Store;
using MeKi.Tool.Benchmarking;

namespace MeKi.Branch;

/// <summary>Where the rows of a burst's tokens are when it begins.</summary>
internal enum RowsIn
{
    /// <summary>In the store's record cache: the tokens are the same every time.</summary>
    RecordCache,

    /// <summary>In the operating system's page cache.</summary>
    PageCache,

    /// <summary>On the device only.</summary>
    Device,
}

/// <summary>One way to decode, with a model and a session of its own. The weights are mapped, so all variants of a process read the same memory.</summary>
internal sealed class Variant : IDisposable
{
    private readonly RowsIn _rows;
    private readonly RowStore? _warmer;
    private readonly MeKiModel _model;
    private readonly MeKiSession _session;
    private readonly float[] _logits;
    private readonly List<double> _waits = [];

    /// <param name="name">For the table.</param>
    /// <param name="path">The model.</param>
    /// <param name="options">How to load it.</param>
    /// <param name="rows">Where the rows are.</param>
    public Variant(string name, string path, LoadOptions options, RowsIn rows)
    {
        (Name, _rows) = (name, rows);
        _model = MeKiModel.Load(path, options);
        _session = _model.CreateSession();
        _logits = new float[_model.Config.VocabularySize];
        // The bursts between drop the file from the page cache.
        if (rows == RowsIn.PageCache)
            _warmer = RowStore.Open(_model.RowFilePath!, new() { CacheBytes = 0 });
    }

    public string Name { get; }

    /// <summary>Milliseconds that each measured token waited for rows, ascending.</summary>
    public double[] Waits => [.. _waits.Order()];

    /// <summary>Decodes a burst.</summary>
    /// <param name="random">Draws the tokens.</param>
    /// <param name="tokens">How many are timed, after one that is not: threads of the variant before go to sleep meanwhile.</param>
    /// <returns>Seconds for a token.</returns>
    public double Run(Random random, int tokens)
    {
        if (_rows == RowsIn.RecordCache)
            random = new(1);
        int[] ids = [.. Enumerable.Range(0, tokens + 1).Select(_ => random.Next(_model.Config.VocabularySize))];
        if (_rows == RowsIn.Device)
            PageCache.Evict(_model.RowFilePath!);
        if (_warmer is not null)
        {
            using RowLease lease = _warmer.Lease(ids);
            lease.Await();
        }
        _session.Truncate(0);
        Decode(ids[0]);
        long start = Stopwatch.GetTimestamp();
        foreach (int id in ids.AsSpan(1))
        {
            TimeSpan before = _model.StoreCounters.WaitTime;
            Decode(id);
            _waits.Add((_model.StoreCounters.WaitTime - before).TotalMilliseconds);
        }
        return Stopwatch.GetElapsedTime(start).TotalSeconds / tokens;
    }

    /// <summary>Forgets the waits of the runs that warmed up.</summary>
    public void Clear() => _waits.Clear();

    public void Dispose()
    {
        _session.Dispose();
        _model.Dispose();
        _warmer?.Dispose();
    }

    private void Decode(int token)
    {
        _session.Prefetch(token);
        _session.Forward([token], _logits);
    }
}
