using System.Diagnostics;
using System.Numerics.Tensors;
using MeKi.Model;
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
    }

    public string Name { get; }

    /// <summary>Milliseconds that each measured token waited for rows, ascending.</summary>
    public double[] Waits => [.. _waits.Order()];

    /// <summary>Decodes a burst: the likeliest token each time. Of random weights these are all over the vocabulary, and hardly one comes twice.</summary>
    /// <param name="random">Draws the first token.</param>
    /// <param name="tokens">How many are timed, after the first: threads of the variant before go to sleep meanwhile.</param>
    /// <returns>Seconds for a token.</returns>
    public double Run(Random random, int tokens)
    {
        int first = (_rows == RowsIn.RecordCache ? new(1) : random).Next(_model.Config.VocabularySize);
        if (_rows == RowsIn.Device)
            PageCache.Evict(_model.RowFilePath!);
        // The bursts between dropped the file from the page cache; the same burst before brings its rows there.
        if (_rows == RowsIn.PageCache)
            Decode(first, tokens, []);
        return Decode(first, tokens, _waits);
    }

    /// <summary>Forgets the waits of the runs that warmed up.</summary>
    public void Clear() => _waits.Clear();

    public void Dispose()
    {
        _session.Dispose();
        _model.Dispose();
    }

    private double Decode(int token, int tokens, List<double> waits)
    {
        _session.Truncate(0);
        _session.Forward([token], _logits);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < tokens; i++)
        {
            TimeSpan before = _model.StoreCounters.WaitTime;
            token = TensorPrimitives.IndexOfMax(_logits);
            _session.Prefetch(token);
            _session.Forward([token], _logits);
            waits.Add((_model.StoreCounters.WaitTime - before).TotalMilliseconds);
        }
        return Stopwatch.GetElapsedTime(start).TotalSeconds / tokens;
    }
}
