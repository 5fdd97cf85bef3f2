namespace MeKi.Model.Adapters.Merging;

/// <summary>Which cluster each task is in. No cluster is ever without a task.</summary>
internal static class Assignment
{
    /// <summary>A random one.</summary>
    public static int[] Random(int tasks, int clusters, SeededNumbers random)
    {
        int[] order = [.. Enumerable.Range(0, tasks)];
        for (int i = tasks - 1; i > 0; i--)
        {
            int j = random.Below(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }
        int[] assigned = new int[tasks];
        for (int i = 0; i < tasks; i++)
            assigned[order[i]] = i < clusters ? i : random.Below(clusters);
        return Sorted(assigned);
    }

    /// <summary>Each task's least; a cluster that nobody chose takes the task that is worst off, from one that has others.</summary>
    /// <param name="costs">[tasks, clusters].</param>
    public static int[] Nearest(double[,] costs)
    {
        (int tasks, int clusters) = (costs.GetLength(0), costs.GetLength(1));
        int[] assigned = [.. Enumerable.Range(0, tasks).Select(i => Enumerable.Range(0, clusters).MinBy(k => costs[i, k]))];
        for (int empty = 0; empty < clusters; empty++)
        {
            if (assigned.Contains(empty))
                continue;
            int worst = Enumerable.Range(0, tasks).Where(i => assigned.Count(cluster => cluster == assigned[i]) > 1).MaxBy(i => costs[i, assigned[i]]);
            assigned[worst] = empty;
        }
        return Sorted(assigned);
    }

    /// <summary>Every assignment that one task's move leads to; none leaves a cluster without a task.</summary>
    public static IEnumerable<int[]> Moves(int[] assigned, int clusters)
    {
        for (int task = 0; task < assigned.Length; task++)
        {
            if (assigned.Count(cluster => cluster == assigned[task]) == 1)
                continue;
            for (int to = 0; to < clusters; to++)
            {
                if (to == assigned[task])
                    continue;
                int[] moved = [.. assigned];
                moved[task] = to;
                yield return Sorted(moved);
            }
        }
    }

    /// <summary>The tasks of a cluster.</summary>
    public static int[] Members(int[] assigned, int cluster) => [.. Enumerable.Range(0, assigned.Length).Where(i => assigned[i] == cluster)];

    /// <summary>Names it for messages and files, whatever the clusters' numbers.</summary>
    public static string KeyOf(int[] assigned) => string.Join(',', Sorted(assigned));

    // Clusters are numbered by their first tasks: two that differ in numbers only are the same.
    private static int[] Sorted(int[] assigned)
    {
        Dictionary<int, int> numbers = [];
        return [.. assigned.Select(cluster => numbers.TryGetValue(cluster, out int number) ? number : numbers[cluster] = numbers.Count)];
    }
}

/// <summary>Numbers of a seed, the same on every machine and version of .NET (SplitMix64, Steele et al., 2014).</summary>
internal sealed class SeededNumbers(long seed)
{
    private ulong _state = (ulong)seed;

    /// <summary>A number from 0 to one below a limit.</summary>
    public int Below(int limit)
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return (int)((z ^ z >> 31) >> 33) % limit;
    }
}
