using System.Diagnostics;
using MeKi.Model;
using MeKi.Tool.Benchmarking;

namespace MeKi.Branch;

/// <summary>One way to decode, with a model and a session of its own. The weights are mapped, so all variants of a process read the same memory.</summary>
internal sealed class Variant : IDisposable
{
    private readonly bool _repeated;
    private readonly bool _cold;
    private readonly MeKiModel _model;
    private readonly MeKiSession _session;
    private readonly float[] _logits;
    private readonly List<double> _waits = [];

    /// <param name="name">For the table.</param>
    /// <param name="path">The model.</param>
    /// <param name="options">How to load it.</param>
    /// <param name="repeated">Always the same tokens, whose rows stay in the record cache; else new ones.</param>
    /// <param name="cold">Drops the row file from the page cache before every burst.</param>
    public Variant(string name, string path, LoadOptions options, bool repeated, bool cold)
    {
        (Name, _repeated, _cold) = (name, repeated, cold);
        _model = MeKiModel.Load(path, options);
        _session = _model.CreateSession();
        _logits = new float[_model.Config.VocabularySize];
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
        if (_repeated)
            random = new(1);
        if (_cold)
            PageCache.Evict(_model.RowFilePath!);
        _session.Truncate(0);
        Decode(random);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < tokens; i++)
        {
            TimeSpan before = _model.StoreCounters.WaitTime;
            Decode(random);
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
    }

    private void Decode(Random random)
    {
        int token = random.Next(_model.Config.VocabularySize);
        _session.Prefetch(token);
        _session.Forward([token], _logits);
    }
}
