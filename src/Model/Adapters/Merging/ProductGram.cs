namespace MeKi.Model.Adapters.Merging;

/// <summary>K-means over flattened products, from their inner products alone: no product is ever formed.</summary>
internal static class ProductGram
{
    private const int MostTurns = 100, Starts = 20;

    /// <summary>⟨ΔW_i, ΔW_j⟩ over all matrices, [adapters × adapters].</summary>
    public static Matrix Of(IReadOnlyList<LoraAdapter> adapters, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        List<LoraTarget> targets = Stacked.Targets(adapters);
        Matrix[] parts = new Matrix[targets.Count];
        MatrixWork.Run(targets.Count, target =>
        {
            Stacked stacked = new(targets[target], adapters);
            Matrix gram = parts[target] = new(adapters.Count, adapters.Count);
            for (int i = 0; i < adapters.Count; i++)
            {
                for (int j = 0; j < adapters.Count; j++)
                {
                    Matrix a = Matrix.TimesTransposed(stacked.CoordinatesA[i], stacked.CoordinatesA[j]);
                    Matrix b = Matrix.TimesTransposed(stacked.CoordinatesB[i], stacked.CoordinatesB[j]);
                    gram[i, j] = Matrix.Dot(a.Values, b.Values);
                }
            }
        }, progress, "products", cancellation);
        return parts.Aggregate((sum, part) => sum + part);
    }

    /// <summary>K-means (Lloyd), of several starts the one with the least distances.</summary>
    /// <param name="gram">Inner products.</param>
    /// <param name="count">Clusters, at most as many as adapters.</param>
    /// <param name="random">Chooses the starts.</param>
    /// <returns>Each adapter's cluster; none is empty.</returns>
    public static int[] Means(Matrix gram, int count, SeededNumbers random)
    {
        int[]? best = null;
        double least = double.PositiveInfinity;
        for (int start = 0; start < Starts; start++)
        {
            int[] assigned = Assignment.Random(gram.Rows, count, random);
            for (int turn = 0; turn < MostTurns; turn++)
            {
                double[,] distances = Distances(gram, assigned, count);
                int[] next = Assignment.Nearest(distances);
                if (next.SequenceEqual(assigned))
                    break;
                assigned = next;
            }
            double[,] last = Distances(gram, assigned, count);
            double sum = assigned.Select((cluster, i) => last[i, cluster]).Sum();
            if (sum < least)
                (least, best) = (sum, assigned);
        }
        return best!;
    }

    // Squared distance to a mean: what the inner products make of it.
    private static double[,] Distances(Matrix gram, int[] assigned, int count)
    {
        int n = assigned.Length;
        double[,] distances = new double[n, count];
        for (int k = 0; k < count; k++)
        {
            int[] members = Assignment.Members(assigned, k);
            double within = 0;
            foreach (int a in members)
            {
                foreach (int b in members)
                    within += gram[a, b];
            }
            for (int i = 0; i < n; i++)
            {
                double to = 0;
                foreach (int a in members)
                    to += gram[i, a];
                distances[i, k] = gram[i, i] - 2 * to / members.Length + within / members.Length / members.Length;
            }
        }
        return distances;
    }
}
