using System.Globalization;

namespace MeKi.Model.Adapters.Merging;

/// <summary>A way to store adapters.</summary>
/// <param name="Method">For people; what stands before its first comma is one curve.</param>
/// <param name="Storage">Values stored, as a share of the adapters' own.</param>
/// <param name="Kept">Mean over the tasks of the share of what its own adapter gains that is kept.</param>
/// <param name="Worst">The least of these.</param>
/// <param name="Nll">Mean over the tasks of the negative log-likelihood of a token.</param>
internal sealed record ReportRow(string Method, double Storage, double Kept, double Worst, double Nll);

/// <summary>Measures ways to store adapters on texts that none of them has seen.</summary>
internal sealed class AdapterReport : IDisposable
{
    // One random assignment says little.
    private const int RandomAssignments = 3;

    private readonly MeKiModel _model;
    private readonly IReadOnlyList<MergeTask> _tasks;
    private readonly IReadOnlyList<IReadOnlyList<MergeText>> _texts;
    private readonly ScoreFile _scores;
    private readonly IProgress<WorkProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly TextScorer _scorer;
    private readonly double[] _base, _own;
    private readonly List<ReportRow> _rows = [];
    private readonly LoraAdapter[] _adapters;
    private readonly long _full;
    private readonly int _rank;

    /// <param name="model">The model.</param>
    /// <param name="tasks">Adapters and examples.</param>
    /// <param name="texts">What each task is judged by.</param>
    /// <param name="path">A file of what was scored, which an interrupted report goes on from; null for none.</param>
    /// <param name="progress">Told the texts.</param>
    /// <param name="cancellation">Heeded between texts.</param>
    public AdapterReport(MeKiModel model, IReadOnlyList<MergeTask> tasks, IReadOnlyList<IReadOnlyList<MergeText>> texts, string? path,
        IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        (_model, _tasks, _texts, _progress, _cancellation, _scorer) = (model, tasks, texts, progress, cancellation, new(model));
        _adapters = [.. tasks.Select(task => task.Adapter)];
        _rank = AdapterMerge.Rank(_adapters);
        _full = _adapters.Sum(Size);
        _scores = new(path, ScoreFile.IdentityOf(model, tasks, texts, _rank));
        _base = Measured("model alone", () => (0, new LoraAdapter?[tasks.Count]))[1..];
        _own = Measured("own adapters", () => (1, _adapters))[1..];
        Add("model alone", [0, .. _base]);
        Add("own adapters", [1, .. _own]);
    }

    /// <summary>What was measured so far.</summary>
    public IReadOnlyList<ReportRow> Rows => _rows;

    /// <summary>Average, TIES and the plain start at some ranks.</summary>
    public void Merges()
    {
        double[] equal = [.. _adapters.Select(_ => 1.0 / _adapters.Length)];
        Add("average", Measured("average", () => One(AdapterMerge.Average("average", _adapters, equal, _rank, _progress, _cancellation))));
        Add("TIES", Measured("TIES", () => One(AdapterMerge.Ties("ties", _adapters, equal, 0.2, _rank, _progress, _cancellation))));
        foreach (int rank in new[] { _rank / 4, _rank / 2, _rank * 3 / 4, _rank, _rank * 5 / 4, _rank * 3 / 2 }.Where(rank => rank > 0).Distinct())
        {
            string name = $"plain start, rank {rank}";
            Add(name, Measured(name, () => Of(HydraOpt.Plain(_adapters, rank))));
        }
    }

    /// <summary>HydraOpt at some storages.</summary>
    /// <param name="parts">What it may do; others than all are told by name.</param>
    /// <param name="storages">Shares of the adapters' own values.</param>
    public void Hydra(HydraParts parts, IReadOnlyList<double> storages)
    {
        HydraOpt? prepared = null;
        foreach (double storage in storages)
        {
            Add(parts.Name, Measured(string.Create(CultureInfo.InvariantCulture, $"{parts.Name} {storage}"), () =>
            {
                if (prepared is null)
                {
                    prepared = new(_model, _tasks, parts);
                    prepared.Prepare(_progress, _cancellation);
                }
                return Of(prepared.Share(storage, _progress, _cancellation));
            }));
        }
    }

    /// <summary>D2C beside K-means over the products and random assignments.</summary>
    public void Clusters(IReadOnlyList<int> counts, int starts, long seed)
    {
        using TaskClusters search = new(_model, _tasks, _rank, _scores);
        foreach (int count in counts)
        {
            SeededNumbers random = new(seed);
            double[][] assigned = [.. Enumerable.Range(0, RandomAssignments).Select(_ => Of(search, Assignment.Random(_tasks.Count, count, random)))];
            ReportRow[] rows = [.. assigned.Select(each => Row("", each))];
            _rows.Add(new($"random, {count} clusters", rows.Average(row => row.Storage), rows.Average(row => row.Kept), rows.Min(row => row.Worst),
                rows.Average(row => row.Nll)));
            Add($"K-means, {count} clusters", Of(search, search.Means(count, seed, _progress, _cancellation)));
            Add($"D2C, {count} clusters", Of(search, search.Find(count, starts, seed, _progress, _cancellation).Assigned));
        }
    }

    public void Dispose() => _scorer.Dispose();

    private (double Storage, IReadOnlyList<LoraAdapter?> Adapters) One(LoraAdapter merged) => ((double)Size(merged) / _full, [.. _tasks.Select(_ => merged)]);

    private static (double Storage, IReadOnlyList<LoraAdapter?> Adapters) Of(HydraResult result) => (result.Storage, result.Adapters);

    // A cluster's merge is measured once for all assignments that have the cluster: its values, then a score of each of its tasks.
    private double[] Of(TaskClusters search, int[] assigned)
    {
        double[] row = new double[1 + assigned.Length];
        for (int cluster = 0; cluster <= assigned.Max(); cluster++)
        {
            int[] members = Assignment.Members(assigned, cluster);
            string name = $"texts by {string.Join(',', members)}";
            if (_scores.Find(name) is not { } known || known.Length != 1 + members.Length)
            {
                LoraAdapter merged = search.Merge(members, "cluster", _cancellation);
                using HeldAdapter held = _scorer.Hold(merged);
                known = [Size(merged), .. Nll([.. members.Select(_ => held)], members, "clusters' merges")];
                Keep(name, known);
            }
            row[0] += known[0] / _full;
            for (int i = 0; i < members.Length; i++)
                row[1 + members[i]] = known[1 + i];
        }
        return row;
    }

    // The storage, then each task's score.
    private double[] Measured(string name, Func<(double Storage, IReadOnlyList<LoraAdapter?> Adapters)> make)
    {
        if (_scores.Find(name) is { } known && known.Length == 1 + _tasks.Count)
            return known;
        (double storage, IReadOnlyList<LoraAdapter?> adapters) = make();
        Dictionary<LoraAdapter, HeldAdapter> held = new(ReferenceEqualityComparer.Instance);
        try
        {
            foreach (LoraAdapter adapter in adapters.OfType<LoraAdapter>())
            {
                if (!held.ContainsKey(adapter))
                    held.Add(adapter, _scorer.Hold(adapter));
            }
            double[] row = [storage, .. Nll([.. adapters.Select(each => each is null ? null : held[each])], [.. Enumerable.Range(0, _tasks.Count)], name)];
            Keep(name, row);
            return row;
        }
        finally
        {
            foreach (HeldAdapter each in held.Values)
                each.Dispose();
        }
    }

    private IEnumerable<double> Nll(HeldAdapter?[] adapters, int[] tasks, string stage)
    {
        double[][] sums = _scorer.Score([.. tasks.Select((task, i) => new TextJob(_texts[task], adapters[i]))], stage, _progress, _cancellation);
        return sums.Select((each, i) => each.Sum() / _texts[tasks[i]].Sum(text => (long)text.Tokens.Length - text.First));
    }

    private void Keep(string name, double[] scores)
    {
        _scores.Put(name, scores);
        _scores.Save();
    }

    private void Add(string method, double[] measured) => _rows.Add(Row(method, measured));

    private ReportRow Row(string method, double[] measured)
    {
        double[] nll = measured[1..], kept = [.. nll.Select((each, i) => (_base[i] - each) / (_base[i] - _own[i]))];
        return new(method, measured[0], kept.Average(), kept.Min(), nll.Average());
    }

    private static long Size(LoraAdapter adapter) => adapter.Pairs.Values.Sum(pair => (long)pair.Rank * (pair.A.Columns + pair.B.Rows));
}
