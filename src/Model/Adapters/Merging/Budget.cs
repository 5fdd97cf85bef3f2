namespace MeKi.Model.Adapters.Merging;

/// <summary>A way to store what adapters add to a matrix.</summary>
/// <param name="SharesA">Which side is shared.</param>
/// <param name="Groups">Who shares which factor, of more rank than is used.</param>
/// <param name="Rank">The rank.</param>
/// <param name="Loss">What it loses.</param>
/// <param name="Cost">Values stored.</param>
/// <param name="IsOwn">Whether each adapter keeps what it has.</param>
internal sealed record Way(bool SharesA, IReadOnlyList<SharedGroup> Groups, int Rank, double Loss, double Cost, bool IsOwn);

/// <summary>Chooses for each matrix a way, so that the sum of the losses is least for what all may cost.</summary>
internal static class Budget
{
    /// <summary>
    /// One price for a value, the same for all matrices, found by halving: each takes what it and its price are least with. What is left of the budget goes
    /// where it gains most.
    /// </summary>
    /// <param name="matrices">The ways of each; one costs nothing.</param>
    /// <param name="budget">Values that may be stored.</param>
    /// <param name="ranks">Whether each matrix may have a rank of its own; else all have one factor of the most rank that the budget allows.</param>
    public static Way[] Choose(IReadOnlyList<List<Way>> matrices, double budget, bool ranks = true)
    {
        if (!ranks)
            return OneRank(matrices, budget);
        double low = 0, high = 1;
        Way[] chosen = At(matrices, high);
        while (Cost(chosen) > budget)
            chosen = At(matrices, high *= 16);
        for (int i = 0; i < 100; i++)
        {
            double price = (low + high) / 2;
            Way[] ways = At(matrices, price);
            if (Cost(ways) > budget)
                low = price;
            else
                (high, chosen) = (price, ways);
        }
        while (true)
        {
            double left = budget - Cost(chosen), best = 0;
            (int Matrix, Way Way)? better = null;
            for (int i = 0; i < chosen.Length; i++)
            {
                foreach (Way way in matrices[i])
                {
                    double more = way.Cost - chosen[i].Cost, gain = chosen[i].Loss - way.Loss;
                    if (more <= left && gain > 0 && (more <= 0 ? double.PositiveInfinity : gain / more) is double rate && rate > best)
                        (best, better) = (rate, (i, way));
                }
            }
            if (better is not { } step)
                return chosen;
            chosen[step.Matrix] = step.Way;
        }
    }

    private static Way[] OneRank(IReadOnlyList<List<Way>> matrices, double budget)
    {
        Way[] chosen = [.. matrices.Select(ways => ways.First(way => way.Rank == 0))];
        for (int rank = 1; ; rank++)
        {
            Way?[] next = [.. matrices.Select(ways => ways.Where(way => way.Rank == rank && way.Groups.Count == 1).MinBy(way => way.Loss))];
            if (Array.Exists(next, way => way is null) || Cost(next!) > budget)
                return chosen;
            chosen = next!;
        }
    }

    private static Way[] At(IReadOnlyList<List<Way>> matrices, double price) => [.. matrices.Select(ways => ways.MinBy(way => way.Loss + price * way.Cost)!)];

    private static double Cost(Way[] ways) => ways.Sum(way => way.Cost);
}
