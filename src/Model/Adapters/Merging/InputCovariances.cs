using MeKi.Kernels.Operations;
using MeKi.Model.Layers;

namespace MeKi.Model.Adapters.Merging;

/// <summary>What each task's examples give to matrices: second moments in the space that the adapters' A span.</summary>
internal static class InputCovariances
{
    // Ten examples do not excite every direction; none is to be free.
    private const double Shrinkage = 0.01;

    /// <summary>Runs every task's examples with its own adapter.</summary>
    /// <param name="scorer">Runs them.</param>
    /// <param name="weights">The model's.</param>
    /// <param name="tasks">The tasks.</param>
    /// <param name="stacks">The matrices that are wanted.</param>
    /// <param name="ran">Called after each task, from several threads.</param>
    /// <param name="cancellation">Heeded before each batch.</param>
    /// <returns>By matrix and task, [basis × basis].</returns>
    public static Matrix[][] Collect(TextScorer scorer, ModelWeights weights, IReadOnlyList<MergeTask> tasks, IReadOnlyList<Stacked> stacks, Action ran,
        CancellationToken cancellation)
    {
        Dictionary<int, int> places = [];
        for (int i = 0; i < stacks.Count; i++)
        {
            if (weights.Find(stacks[i].Target) is { } linear)
                places.Add(linear.Id, i);
        }
        Matrix[] bases = [.. stacks.Select(stack => stack.BasisA.Transposed())];
        Matrix[][] covariances = [.. stacks.Select(_ => new Matrix[tasks.Count])];
        long[][] counts = [.. stacks.Select(_ => new long[tasks.Count])];
        scorer.Watch(tasks, task =>
        {
            for (int i = 0; i < stacks.Count; i++)
                covariances[i][task] = new(stacks[i].BasisA.Rows, stacks[i].BasisA.Rows);
            return (linear, input, rows) =>
            {
                if (!places.TryGetValue(linear.Id, out int i))
                    return;
                Add(input, rows, bases[i], covariances[i][task]);
                counts[i][task] += rows;
            };
        }, task =>
        {
            for (int i = 0; i < stacks.Count; i++)
                covariances[i][task] = Shrunk(covariances[i][task], counts[i][task]);
            ran();
        }, cancellation);
        return covariances;
    }

    private static void Add(ActivationMatrix input, int rows, Matrix basis, Matrix sum)
    {
        float[] values = new float[input.Columns];
        double[] seen = new double[basis.Columns];
        for (int row = 0; row < rows; row++)
        {
            input.ReadRow(row, values);
            Array.Clear(seen);
            for (int i = 0; i < values.Length; i++)
                Matrix.Add(basis.Row(i), values[i], seen);
            // The lower triangle.
            for (int i = 0; i < seen.Length; i++)
                Matrix.Add(seen.AsSpan(0, i + 1), seen[i], sum.Row(i)[..(i + 1)]);
        }
    }

    private static Matrix Shrunk(Matrix sum, long rows)
    {
        int n = sum.Rows;
        double trace = 0;
        for (int i = 0; i < n; i++)
            trace += sum[i, i];
        // A matrix whose input is nought in all examples.
        if (trace == 0)
            return Matrix.Identity(n);
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < i; j++)
                sum[j, i] = sum[i, j] *= 1 - Shrinkage;
            sum[i, i] = (1 - Shrinkage) * sum[i, i] + Shrinkage * trace / n;
        }
        return 1.0 / rows * sum;
    }
}
