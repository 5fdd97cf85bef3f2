namespace MeKi.Model.Adapters.Merging;

/// <summary>A way to store adapters.</summary>
/// <param name="Method">For people; what stands before its first comma is one curve.</param>
/// <param name="Storage">Values stored, as a share of the adapters' own.</param>
/// <param name="Kept">Mean over the tasks of the share of what its own adapter gains that is kept.</param>
/// <param name="Worst">The least of these.</param>
/// <param name="Nll">Mean over the tasks of the negative log-likelihood of a token.</param>
internal sealed record ReportRow(string Method, double Storage, double Kept, double Worst, double Nll);

/// <summary>Measures ways to store adapters on texts that none of them has seen.</summary>
internal sealed class AdapterReport
{
    private readonly MeKiModel _model;
    private readonly IReadOnlyList<MergeTask> _tasks;
    private readonly IReadOnlyList<IReadOnlyList<MergeText>> _texts;
    private readonly IProgress<WorkProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly TextScorer _scorer;
    private readonly double[] _base, _own;
    private readonly List<ReportRow> _rows = [];
    private readonly LoraAdapter[] _adapters;
    private readonly int _rank;

    /// <param name="model">The model.</param>
    /// <param name="tasks">Adapters and examples.</param>
    /// <param name="texts">What each task is judged by.</param>
    /// <param name="progress">Told the tasks.</param>
    /// <param name="cancellation">Heeded between texts.</param>
    public AdapterReport(MeKiModel model, IReadOnlyList<MergeTask> tasks, IReadOnlyList<IReadOnlyList<MergeText>> texts, IProgress<WorkProgress>? progress,
        CancellationToken cancellation)
    {
        (_model, _tasks, _texts, _progress, _cancellation, _scorer) = (model, tasks, texts, progress, cancellation, new(model));
        _adapters = [.. tasks.Select(task => task.Adapter)];
        _rank = AdapterMerge.Rank(_adapters);
        _base = Scores("model alone", _ => null);
        _own = Scores("own adapters", i => _adapters[i]);
        Add("model alone", 0, _base);
        Add("own adapters", 1, _own);
    }

    /// <summary>What was measured so far.</summary>
    public IReadOnlyList<ReportRow> Rows => _rows;

    /// <summary>Average, TIES, the plain start at its ranks and HydraOpt at some storages.</summary>
    public void Merges(IReadOnlyList<double> storages)
    {
        double[] equal = [.. _adapters.Select(_ => 1.0 / _adapters.Length)];
        Add("average", AdapterMerge.Average("average", _adapters, equal, _rank, _progress, _cancellation));
        Add("TIES", AdapterMerge.Ties("ties", _adapters, equal, 0.2, _rank, _progress, _cancellation));
        foreach (int rank in new[] { _rank / 4, _rank / 2, _rank * 3 / 4, _rank, _rank * 5 / 4, _rank * 3 / 2 }.Where(rank => rank > 0).Distinct())
            Add($"plain start, rank {rank}", HydraOpt.Plain(_adapters, rank));
        HydraOpt hydra = new(_model, _tasks);
        hydra.Prepare(_progress, _cancellation);
        foreach (double storage in storages)
            Add("HydraOpt", hydra.Share(storage, _progress, _cancellation));
    }

    /// <summary>D2C beside K-means over the products and a random assignment.</summary>
    public void Clusters(IReadOnlyList<int> counts, int starts, long seed)
    {
        TaskClusters search = new(_model, _tasks, _rank, new(null, "", _tasks.Count));
        foreach (int count in counts)
        {
            Add($"random, {count} clusters", search, Assignment.Random(_tasks.Count, count, new(seed)));
            Add($"K-means, {count} clusters", search, search.Means(count, seed, _progress, _cancellation));
            Add($"D2C, {count} clusters", search, search.Find(count, starts, seed, _progress, _cancellation).Assigned);
        }
    }

    private void Add(string method, LoraAdapter merged) => Add(method, (double)Size(merged) / _adapters.Sum(Size), Scores(method, _ => merged));

    private void Add(string method, HydraResult result) => Add(method, result.Storage, Scores(method, i => result.Adapters[i]));

    private void Add(string method, TaskClusters search, int[] assigned)
    {
        LoraAdapter[] merged = [.. Enumerable.Range(0, assigned.Max() + 1)
            .Select(cluster => search.Merge(Assignment.Members(assigned, cluster), "cluster", _cancellation))];
        Add(method, (double)merged.Sum(Size) / _adapters.Sum(Size), Scores(method, i => merged[assigned[i]]));
    }

    private void Add(string method, double storage, double[] nll)
    {
        double[] kept = [.. nll.Select((each, i) => (_base[i] - each) / (_base[i] - _own[i]))];
        _rows.Add(new(method, storage, kept.Average(), kept.Min(), nll.Average()));
    }

    private static long Size(LoraAdapter adapter) => adapter.Pairs.Values.Sum(pair => (long)pair.Rank * (pair.A.Columns + pair.B.Rows));

    private double[] Scores(string stage, Func<int, LoraAdapter?> adapter)
    {
        double[] scores = new double[_tasks.Count];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = _scorer.Score(_texts[i], adapter(i), _cancellation);
            _progress?.Report(new(stage, i + 1, scores.Length, "tasks"));
        }
        return scores;
    }
}
