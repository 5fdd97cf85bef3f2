namespace MeKi.Model.Adapters.Merging;

/// <summary>What <see cref="HydraOpt"/> made.</summary>
/// <param name="Adapters">In the order of the tasks; what they share is the same object.</param>
/// <param name="Storage">Values that are stored, as a share of those of the tasks' own adapters.</param>
/// <param name="Sides">For each matrix which side is shared, by how many factors of which rank.</param>
internal sealed record HydraResult(IReadOnlyList<LoraAdapter> Adapters, double Storage, IReadOnlyList<SharedChoice> Sides);

/// <summary>How a matrix is stored.</summary>
/// <param name="Target">The matrix.</param>
/// <param name="SharesA">Whether A is shared, or B.</param>
/// <param name="Factors">Shared factors.</param>
/// <param name="Rank">Their rank; 0 where the matrix is left alone.</param>
internal sealed record SharedChoice(LoraTarget Target, bool SharesA, int Factors, int Rank);

/// <summary>
/// HydraOpt, as reconstructed here: adapters share one of their two sides. For each matrix the side, the number of shared factors, who shares which and the
/// rank are chosen so that what all matrices lose together, in the mean square of their outputs on the tasks' examples and as a share of what the adapters
/// add there, is least for the storage.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="tasks">At least one.</param>
/// <param name="parts">What it may do; null for all of it.</param>
internal sealed class HydraOpt(MeKiModel model, IReadOnlyList<MergeTask> tasks, HydraParts? parts = null)
{
    private const int Turns = 5, MostRankFactor = 4;
    private const long PartBytes = 1L << 30;
    private static readonly int[] s_factors = [1, 2, 4];

    private readonly HydraParts _may = parts ?? new();
    private readonly List<Plan> _plans = [];
    private List<Matrix[][]>? _kept;
    private List<List<LoraTarget>> _parts = [];

    /// <summary>Values of the tasks' own adapters.</summary>
    public long FullSize { get; } = tasks.Sum(task => task.Adapter.Pairs.Values.Sum(pair => (long)pair.Rank * (pair.A.Columns + pair.B.Rows)));

    /// <summary>Looks at the adapters: what each way of sharing would cost and lose. Once for all budgets.</summary>
    public void Prepare(IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        List<LoraTarget> targets = Stacked.Targets(tasks.Select(task => task.Adapter));
        _parts = Divide(targets);
        _kept = _parts.Count == 1 ? [] : null;
        using TextScorer scorer = new(model);
        foreach (List<LoraTarget> part in _parts)
        {
            (Stacked[] stacks, Matrix[][] covariances) = Collect(scorer, part, progress, cancellation);
            _kept?.Add(covariances);
            Plan[] plans = new Plan[part.Count];
            MatrixWork.Run(part.Count, i => plans[i] = new(stacks[i], Members(part[i]), Sides(stacks[i], covariances[i], Members(part[i])), _may), progress,
                "ways", cancellation);
            _plans.AddRange(plans);
        }
    }

    /// <summary>The adapters for a budget.</summary>
    /// <param name="storage">The share of the own adapters' values that may be stored, above 0.</param>
    /// <param name="progress">Told the matrices.</param>
    /// <param name="cancellation">Heeded between matrices.</param>
    public HydraResult Share(double storage, IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        Way[] ways = Budget.Choose([.. _plans.Select(plan => plan.Ways)], storage * FullSize, _may.Ranks);
        Dictionary<LoraTarget, LoraPair>[] pairs = [.. tasks.Select(_ => new Dictionary<LoraTarget, LoraPair>())];
        using TextScorer? scorer = _kept is null ? new(model) : null;
        int first = 0;
        for (int part = 0; part < _parts.Count; part++)
        {
            List<LoraTarget> targets = _parts[part];
            Matrix[][] covariances = _kept?[part] ?? Collect(scorer!, targets, progress, cancellation).Covariances;
            int from = first;
            LoraPair?[][] made = new LoraPair?[targets.Count][];
            MatrixWork.Run(targets.Count, i => made[i] = Make(targets[i], ways[from + i], covariances[i]), progress, "share", cancellation);
            for (int i = 0; i < made.Length; i++)
            {
                for (int task = 0; task < tasks.Count; task++)
                {
                    if (made[i][task] is { } pair)
                        pairs[task].Add(targets[i], pair);
                }
            }
            first += targets.Count;
        }
        LoraAdapter[] adapters = [.. tasks.Select((task, i) => new LoraAdapter(task.Name, pairs[i]))];
        return new(adapters, ways.Sum(way => way.Cost) / FullSize,
            [.. ways.Zip(_plans, (way, plan) => new SharedChoice(plan.Target, way.SharesA, way.Groups.Count, way.Rank))]);
    }

    /// <summary>A plain start, for comparison: A of one rank shared by all in every matrix, the top right singular vectors of the stacked products.</summary>
    /// <param name="adapters">The adapters.</param>
    /// <param name="rank">The rank.</param>
    public static HydraResult Plain(IReadOnlyList<LoraAdapter> adapters, int rank)
    {
        Dictionary<LoraTarget, LoraPair>[] pairs = [.. adapters.Select(_ => new Dictionary<LoraTarget, LoraPair>())];
        double size = 0, full = 0;
        List<SharedChoice> choices = [];
        foreach (LoraTarget target in Stacked.Targets(adapters))
        {
            Stacked stacked = new(target, adapters);
            Matrix products = Matrix.Stack([.. stacked.CoordinatesA.Zip(stacked.CoordinatesB, (a, b) => b.Transposed() * a)]);
            Matrix right = Factorization.Singular(products).Right;
            right = right.Top(Math.Min(rank, right.Rows));
            LoraFactor shared = (right * stacked.BasisA).ToFactor();
            size += (double)right.Rows * stacked.Inputs;
            choices.Add(new(target, true, 1, right.Rows));
            for (int i = 0; i < adapters.Count; i++)
            {
                full += (double)stacked.A[i].Rows * (stacked.Inputs + stacked.Outputs);
                if (stacked.A[i].Rows == 0)
                    continue;
                size += (double)right.Rows * stacked.Outputs;
                Matrix own = Matrix.TimesTransposed(right, stacked.CoordinatesA[i]) * stacked.BTransposed[i];
                pairs[i].Add(target, new(shared, own.Transposed().ToFactor(), 1));
            }
        }
        return new([.. adapters.Select((adapter, i) => new LoraAdapter(adapter.Name, pairs[i]))], size / full, choices);
    }

    private int[] Members(LoraTarget target) => [.. Enumerable.Range(0, tasks.Count).Where(i => tasks[i].Adapter.Pairs.ContainsKey(target))];

    private Stacked Stack(LoraTarget target) => new(target, [.. Members(target).Select(i => tasks[i].Adapter)]);

    // Matrices whose bases and covariances fit into memory together: the examples are run once for each part.
    private List<List<LoraTarget>> Divide(List<LoraTarget> targets)
    {
        List<List<LoraTarget>> parts = [];
        long bytes = long.MaxValue;
        foreach (LoraTarget target in targets)
        {
            LoraPair[] pairs = [.. tasks.Select(task => task.Adapter.Pairs.GetValueOrDefault(target)).OfType<LoraPair>()];
            long basis = Math.Min(pairs.Sum(pair => (long)pair.Rank), pairs[0].A.Columns), 
                more = sizeof(double) * basis * (tasks.Count * basis + 2L * (pairs[0].A.Columns + pairs[0].B.Rows));
            if (bytes > PartBytes - more)
            {
                parts.Add([]);
                bytes = 0;
            }
            bytes += more;
            parts[^1].Add(target);
        }
        return parts;
    }

    private (Stacked[] Stacks, Matrix[][] Covariances) Collect(
        TextScorer scorer, List<LoraTarget> targets, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        Stacked[] stacks = new Stacked[targets.Count];
        MatrixWork.Run(targets.Count, i => stacks[i] = Stack(targets[i]), progress, "bases", cancellation);
        int done = 0;
        Matrix[][] covariances = InputCovariances.Collect(scorer, model.Loaded.Weights, tasks, stacks,
            () => progress?.Report(new("examples", Interlocked.Increment(ref done), tasks.Count, "tasks")), cancellation);
        return (stacks, covariances);
    }

    private (SharedSide A, SharedSide B) Sides(Stacked stacked, Matrix[] byTask, int[] members)
    {
        int n = members.Length;
        Matrix alike = Matrix.Identity(stacked.BasisA.Rows);
        Matrix[] covariances = [.. members.Select(i => _may.Weighs ? byTask[i] : alike)];
        Matrix[] weightsA = new Matrix[n], weightsB = new Matrix[n];
        Matrix identity = Matrix.Identity(stacked.BasisB.Rows);
        for (int i = 0; i < n; i++)
        {
            weightsA[i] = Matrix.TimesTransposed(stacked.BTransposed[i], stacked.BTransposed[i]);
            weightsB[i] = Matrix.TimesTransposed(stacked.CoordinatesA[i] * covariances[i], stacked.CoordinatesA[i]);
            // Each task's loss as a share of what its adapter adds to the output.
            double energy = Matrix.Dot(weightsA[i].Values, weightsB[i].Values);
            if (energy > 0)
                (weightsA[i], weightsB[i]) = (1 / energy * weightsA[i], 1 / energy * weightsB[i]);
        }
        return (new(stacked.CoordinatesA, covariances, weightsA), new(stacked.CoordinatesB, [.. members.Select(_ => identity)], weightsB));
    }

    private LoraPair?[] Make(LoraTarget target, Way way, Matrix[] byTask)
    {
        LoraPair?[] pairs = new LoraPair?[tasks.Count];
        int[] members = Members(target);
        if (way.IsOwn)
        {
            foreach (int i in members)
                pairs[i] = tasks[i].Adapter.Pairs[target];
            return pairs;
        }
        if (way.Rank == 0)
            return pairs;
        Stacked stacked = Stack(target);
        (SharedSide a, SharedSide b) = Sides(stacked, byTask, members);
        SharedSide side = way.SharesA ? a : b;
        foreach (SharedGroup start in way.Groups)
        {
            SharedGroup group = side.Alternate(start with { Factor = start.Factor.Top(way.Rank) }, Turns);
            Matrix wide = group.Factor * (way.SharesA ? stacked.BasisA : stacked.BasisB);
            LoraFactor shared = way.SharesA ? wide.ToFactor() : wide.Transposed().ToFactor();
            foreach (int i in group.Members)
            {
                Matrix own = side.OwnFactor(i, group.Factor).Transposed();
                pairs[members[i]] = way.SharesA
                    ? new(shared, (own * stacked.BTransposed[i]).Transposed().ToFactor(), 1)
                    : new((own * stacked.A[i]).ToFactor(), shared, 1);
            }
        }
        return pairs;
    }

    /// <summary>A matrix and the ways to store it.</summary>
    private sealed class Plan
    {
        public Plan(Stacked stacked, int[] members, (SharedSide A, SharedSide B) sides, HydraParts may)
        {
            Target = stacked.Target;
            int n = members.Length, rank = stacked.A.Max(a => a.Rows);
            double own = stacked.A.Sum(a => (double)a.Rows * (stacked.Inputs + stacked.Outputs));
            Ways.Add(new(true, [], 0, n, 0, false));
            Ways.Add(new(true, [], rank, 0, own, true));
            foreach ((SharedSide side, bool isA) in new[] { (sides.A, true), (sides.B, false) })
            {
                if (!(isA ? may.SharesA : may.SharesB))
                    continue;
                int basis = (isA ? stacked.BasisA : stacked.BasisB).Rows, most = Math.Min(basis, MostRankFactor * rank);
                double perShared = isA ? stacked.Inputs : stacked.Outputs, perMember = isA ? stacked.Outputs : stacked.Inputs;
                foreach (int count in s_factors.Append(n).Where(count => count <= n && (count == 1 || may.Groups)).Distinct())
                {
                    double[] losses = new double[most + 1];
                    List<SharedGroup> groups = [];
                    foreach (int[] group in side.Groups(count, Math.Min(rank, most)))
                    {
                        (double[] part, SharedGroup start) = side.Start(group, most);
                        for (int r = 0; r <= most; r++)
                            losses[r] += part[r];
                        groups.Add(start);
                    }
                    for (int r = 1; r <= most; r++)
                    {
                        double cost = r * (groups.Count * perShared + n * perMember);
                        if (cost < own)
                            Ways.Add(new(isA, groups, r, losses[r], cost, false));
                    }
                }
            }
        }

        public LoraTarget Target { get; }

        public List<Way> Ways { get; } = [];
    }
}
