namespace MeKi.Model.Adapters.Merging;

/// <summary>Tasks in clusters.</summary>
/// <param name="Assigned">Each task's cluster.</param>
/// <param name="Score">Mean over the tasks of the negative log-likelihood of their examples under their cluster's merge.</param>
internal sealed record ClusterResult(int[] Assigned, double Score);

/// <summary>
/// D2C, as reconstructed here: clusters of tasks by a few examples of each. From a start, each cluster's adapters are merged, every task's examples are scored
/// under every merge, and each task moves to the cluster that it does best with, until nothing moves or a round repeats. Of all starts' rounds the best stays.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="tasks">At least one, each with examples.</param>
/// <param name="rank">Of the merged adapters.</param>
/// <param name="scores">What is known already.</param>
internal sealed class TaskClusters(MeKiModel model, IReadOnlyList<MergeTask> tasks, int rank, ClusterScores scores)
{
    private const int MostTurns = 20;

    private readonly TextScorer _scorer = new(model);
    private readonly LoraAdapter[] _adapters = [.. tasks.Select(task => task.Adapter)];
    private Matrix? _gram;

    /// <summary>Clusters tasks.</summary>
    /// <param name="count">Clusters, from 1 to the number of tasks.</param>
    /// <param name="starts">The first is K-means over the products, the others are random.</param>
    /// <param name="seed">Of the random ones.</param>
    /// <param name="progress">Told each merge that is scored.</param>
    /// <param name="cancellation">Heeded between texts.</param>
    public ClusterResult Find(int count, int starts, long seed, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        SeededNumbers random = new(seed);
        ClusterResult? best = null;
        for (int start = 0; start < starts; start++)
        {
            int[] assigned = start == 0 ? Means(count, seed, progress, cancellation) : Assignment.Random(tasks.Count, count, random);
            HashSet<string> seen = [];
            for (int turn = 0; turn < MostTurns && seen.Add(Assignment.KeyOf(assigned)); turn++)
            {
                double[,] costs = Costs(assigned, count, $"start {start + 1}", progress, cancellation);
                double score = assigned.Select((cluster, task) => costs[task, cluster]).Average();
                if (best is null || score < best.Score)
                    best = new(assigned, score);
                assigned = Assignment.Nearest(costs);
            }
        }
        return best!;
    }

    /// <summary>K-means over the flattened products, for a start and for comparison.</summary>
    public int[] Means(int count, long seed, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        _gram ??= ProductGram.Of(_adapters, progress, cancellation);
        return ProductGram.Means(_gram, count, new(seed));
    }

    /// <summary>The merged adapter of a cluster.</summary>
    public LoraAdapter Merge(int[] members, string name, CancellationToken cancellation) =>
        members.Length == 1 && AdapterMerge.Rank([_adapters[members[0]]]) <= rank ? _adapters[members[0]] with { Name = name }
            : AdapterMerge.Average(name, [.. members.Select(i => _adapters[i])], [.. members.Select(_ => 1.0 / members.Length)], rank, null, cancellation);

    private double[,] Costs(int[] assigned, int count, string stage, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        double[,] costs = new double[tasks.Count, count];
        for (int cluster = 0; cluster < count; cluster++)
        {
            progress?.Report(new(stage, cluster, count, "merges"));
            int[] members = Assignment.Members(assigned, cluster);
            double[] each = scores.Of(members, () =>
            {
                using HeldAdapter held = _scorer.Hold(Merge(members, "merge", cancellation))!;
                return [.. tasks.Select(task => _scorer.Score(task.Examples, held, cancellation))];
            });
            for (int task = 0; task < each.Length; task++)
                costs[task, cluster] = each[task];
        }
        progress?.Report(new(stage, count, count, "merges"));
        return costs;
    }
}
