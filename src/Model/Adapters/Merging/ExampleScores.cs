namespace MeKi.Model.Adapters.Merging;

/// <summary>
/// How well each task's examples do under the merge of some tasks: as many examples of each as it takes to know who does best, since what has no chance any
/// more need not be scored to its end.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="tasks">The tasks.</param>
/// <param name="merge">The merged adapter of some tasks.</param>
/// <param name="scores">What is known already.</param>
internal sealed class ExampleScores(MeKiModel model, IReadOnlyList<MergeTask> tasks, Func<int[], LoraAdapter> merge, ScoreFile scores) : IDisposable
{
    // Texts of a pair that are scored before it is looked whether it still has a chance.
    private const int Step = 2;

    private readonly TextScorer _scorer = new(model);
    private readonly long[] _tokens = [.. tasks.Select(task => task.Examples.Sum(text => (long)text.Tokens.Length - text.First))];
    private Dictionary<string, HeldAdapter> _held = [];

    /// <summary>The mean negative log-likelihood of each task's examples under each merge; where it is not exact, it is more than that of another.</summary>
    /// <param name="clusters">The tasks of each merge.</param>
    /// <param name="first">By task, the merge that is expected to be best: its score is exact.</param>
    /// <param name="stage">What is done, for people.</param>
    /// <param name="progress">Told the tasks under each merge.</param>
    /// <param name="cancellation">Heeded between batches.</param>
    public double[,] Of(int[][] clusters, int[] first, string stage, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        double[,] costs = new double[tasks.Count, clusters.Length];
        double[] best = new double[tasks.Count];
        Forget(clusters);
        List<(int Task, int Cluster)> pairs = [.. first.Select((cluster, task) => (task, cluster))];
        int all = tasks.Count * clusters.Length;
        progress?.Report(new(stage, 0, all, "scores"));
        Score(clusters, pairs, task => tasks[task].Examples.Count, cancellation);
        foreach ((int task, int cluster) in pairs)
            costs[task, cluster] = best[task] = Known(clusters[cluster], task).Sum() / _tokens[task];
        pairs = [.. Enumerable.Range(0, clusters.Length).SelectMany(k => Enumerable.Range(0, tasks.Count).Where(i => first[i] != k).Select(i => (i, k)))];
        for (int done = 0; pairs.Count > 0; done += Step)
        {
            progress?.Report(new(stage, all - pairs.Count, all, "scores"));
            Score(clusters, pairs, _ => done + Step, cancellation);
            foreach ((int task, int cluster) in pairs)
            {
                double[] known = Known(clusters[cluster], task);
                costs[task, cluster] = known.Sum() / _tokens[task];
                if (known.Length == tasks[task].Examples.Count)
                    best[task] = Math.Min(best[task], costs[task, cluster]);
            }
            pairs.RemoveAll(pair => Known(clusters[pair.Cluster], pair.Task).Length == tasks[pair.Task].Examples.Count
                || costs[pair.Task, pair.Cluster] > best[pair.Task]);
        }
        progress?.Report(new(stage, all, all, "scores"));
        return costs;
    }

    /// <summary>The mean negative log-likelihood of the examples of each of some tasks under their merge.</summary>
    public double[] Of(int[] members, CancellationToken cancellation)
    {
        Forget([members]);
        Score([members], [.. members.Select(task => (task, 0))], task => tasks[task].Examples.Count, cancellation);
        return [.. members.Select(task => Known(members, task).Sum() / _tokens[task])];
    }

    public void Dispose()
    {
        Forget([]);
        _scorer.Dispose();
    }

    // A damaged file may have more scores than there are examples: they are no scores of these.
    private double[] Known(int[] cluster, int task) =>
        scores.Find(Name(cluster, task)) is { } known && known.Length <= tasks[task].Examples.Count ? known : [];

    private void Score(int[][] clusters, List<(int Task, int Cluster)> pairs, Func<int, int> count, CancellationToken cancellation)
    {
        List<(int Task, int Cluster, int Text)> work = [];
        foreach ((int task, int cluster) in pairs)
        {
            int until = Math.Min(count(task), tasks[task].Examples.Count);
            work.AddRange(Enumerable.Range(0, until).Skip(Known(clusters[cluster], task).Length).Select(text => (task, cluster, text)));
        }
        double[][] sums = _scorer.Score([.. work.GroupBy(each => (each.Task, each.Cluster))
            .Select(group => new TextJob([.. group.Select(each => tasks[each.Task].Examples[each.Text])], Hold(clusters[group.Key.Cluster])))],
            "", null, cancellation);
        int job = 0;
        foreach (IGrouping<(int Task, int Cluster), (int, int, int)> group in work.GroupBy(each => (each.Task, each.Cluster)))
            scores.Put(Name(clusters[group.Key.Cluster], group.Key.Task), [.. Known(clusters[group.Key.Cluster], group.Key.Task), .. sums[job++]]);
        scores.Save();
    }

    private HeldAdapter Hold(int[] cluster)
    {
        string name = string.Join(',', cluster);
        if (!_held.TryGetValue(name, out HeldAdapter? held))
            _held.Add(name, held = _scorer.Hold(merge(cluster)));
        return held;
    }

    // All merges but those that are wanted again.
    private void Forget(int[][] wanted)
    {
        HashSet<string> names = [.. wanted.Select(cluster => string.Join(',', cluster))];
        foreach (HeldAdapter held in _held.Where(each => !names.Contains(each.Key)).Select(each => each.Value))
            held.Dispose();
        _held = _held.Where(each => names.Contains(each.Key)).ToDictionary();
    }

    private static string Name(int[] cluster, int task) => $"examples of {task} by {string.Join(',', cluster)}";
}
