namespace MeKi.Model.Adapters.Merging;

/// <summary>Tasks in clusters.</summary>
/// <param name="Assigned">Each task's cluster.</param>
/// <param name="Score">Mean over the tasks of the negative log-likelihood of their examples under their cluster's merge.</param>
internal sealed record ClusterResult(int[] Assigned, double Score);

/// <summary>
/// D2C, as reconstructed here: clusters of tasks by a few examples of each. From a start, each cluster's adapters are merged, every task's examples are scored
/// under every merge, and each task moves to the cluster that it does best with, until nothing moves or a round repeats. The best of all starts' rounds goes on
/// by single moves, which are scored with the merges that they lead to: a merge of tasks that move alone is another than the one that drew them.
/// </summary>
internal sealed class TaskClusters : IDisposable
{
    private const int MostTurns = 20;

    private readonly int _rank;
    private readonly LoraAdapter[] _adapters;
    private readonly ExampleScores _scores;
    private Matrix? _gram;

    /// <param name="model">The model.</param>
    /// <param name="tasks">At least one, each with examples.</param>
    /// <param name="rank">Of the merged adapters.</param>
    /// <param name="scores">What is known already.</param>
    public TaskClusters(MeKiModel model, IReadOnlyList<MergeTask> tasks, int rank, ScoreFile scores)
    {
        _rank = rank;
        _adapters = [.. tasks.Select(task => task.Adapter)];
        _scores = new(model, tasks, members => Merge(members, "merge", CancellationToken.None), scores);
    }

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
        // Where a start comes to what another had, it goes on as that one did.
        HashSet<string> seen = [];
        for (int start = 0; start < starts; start++)
        {
            int[] assigned = start == 0 ? Means(count, seed, progress, cancellation) : Assignment.Random(_adapters.Length, count, random);
            for (int turn = 0; turn < MostTurns && seen.Add(Assignment.KeyOf(assigned)); turn++)
            {
                int[][] clusters = [.. Enumerable.Range(0, count).Select(cluster => Assignment.Members(assigned, cluster))];
                double[,] costs = _scores.Of(clusters, assigned, $"{count} clusters, start {start + 1}, turn {turn + 1}", progress, cancellation);
                double score = assigned.Select((cluster, task) => costs[task, cluster]).Average();
                if (best is null || score < best.Score)
                    best = new(assigned, score);
                assigned = Assignment.Nearest(costs);
            }
        }
        return Refined(best!, count, progress, cancellation);
    }

    /// <summary>K-means over the flattened products, for a start and for comparison.</summary>
    public int[] Means(int count, long seed, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        _gram ??= ProductGram.Of(_adapters, progress, cancellation);
        return ProductGram.Means(_gram, count, new(seed));
    }

    /// <summary>The merged adapter of a cluster.</summary>
    public LoraAdapter Merge(int[] members, string name, CancellationToken cancellation) =>
        members.Length == 1 && AdapterMerge.Rank([_adapters[members[0]]]) <= _rank ? _adapters[members[0]] with { Name = name }
            : AdapterMerge.Average(name, [.. members.Select(i => _adapters[i])], [.. members.Select(_ => 1.0 / members.Length)], _rank, null, cancellation);

    private ClusterResult Refined(ClusterResult best, int count, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        for (int turn = 0; turn < MostTurns; turn++)
        {
            ClusterResult? better = null;
            List<int[]> moves = [.. Assignment.Moves(best.Assigned, count)];
            for (int i = 0; i < moves.Count; i++)
            {
                int[] moved = moves[i];
                double sum = Enumerable.Range(0, count).Sum(cluster => _scores.Of(Assignment.Members(moved, cluster), cancellation).Sum());
                double score = sum / _adapters.Length;
                if (score < (better ?? best).Score)
                    better = new(moves[i], score);
                progress?.Report(new($"{count} clusters, moves {turn + 1}", i + 1, moves.Count, "moves"));
            }
            if (better is null)
                return best;
            best = better;
        }
        return best;
    }

    public void Dispose() => _scores.Dispose();
}
