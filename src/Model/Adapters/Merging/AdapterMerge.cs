using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace MeKi.Model.Adapters.Merging;

/// <summary>One adapter of several: the weighted average of their products, or TIES, each brought to a rank by a truncated SVD.</summary>
internal static class AdapterMerge
{
    private const int SubspaceTurns = 6;

    /// <summary>The average: ΔW = Σ w_i s_i B_i A_i, and of it the best product of the rank.</summary>
    /// <param name="name">What the merged adapter is called.</param>
    /// <param name="adapters">Of one model.</param>
    /// <param name="weights">One for each.</param>
    /// <param name="rank">The most rank of a matrix.</param>
    /// <param name="progress">Told the matrices.</param>
    /// <param name="cancellation">Heeded between matrices.</param>
    public static LoraAdapter Average(string name, IReadOnlyList<LoraAdapter> adapters, IReadOnlyList<double> weights, int rank,
        IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default) =>
        Each(name, adapters, stacked => stacked.Pair(stacked.Core(weights), rank), progress, cancellation);

    /// <summary>
    /// TIES (Yadav et al., arXiv 2306.01708) of each matrix' products: the largest values of each adapter stay, each place takes the sign that weighs more,
    /// and the mean of the values that have it.
    /// </summary>
    /// <param name="name">What the merged adapter is called.</param>
    /// <param name="adapters">Of one model.</param>
    /// <param name="weights">One for each.</param>
    /// <param name="density">The share of values that stay, above 0 and at most 1.</param>
    /// <param name="rank">The most rank of a matrix.</param>
    /// <param name="progress">Told the matrices.</param>
    /// <param name="cancellation">Heeded between matrices.</param>
    public static LoraAdapter Ties(string name, IReadOnlyList<LoraAdapter> adapters, IReadOnlyList<double> weights, double density, int rank,
        IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default) =>
        Each(name, adapters, stacked => Truncated(Elected(stacked, weights, density), stacked, rank), progress, cancellation);

    /// <summary>The largest rank that adapters have.</summary>
    public static int Rank(IEnumerable<LoraAdapter> adapters) => adapters.SelectMany(adapter => adapter.Pairs.Values).Max(pair => pair.Rank);

    /// <summary>TIES before the truncation, [outputs × inputs].</summary>
    internal static float[][] Elected(Stacked stacked, IReadOnlyList<double> weights, double density)
    {
        int n = stacked.A.Length;
        float[] least = [.. Enumerable.Range(0, n).Select(i => Threshold(stacked, i, density))];
        float[][] elected = new float[stacked.Outputs][];
        float[] values = new float[stacked.Inputs];
        double[] sums = new double[stacked.Inputs], positive = new double[stacked.Inputs], negative = new double[stacked.Inputs];
        double[] positiveWeight = new double[stacked.Inputs], negativeWeight = new double[stacked.Inputs];
        for (int row = 0; row < stacked.Outputs; row++)
        {
            foreach (double[] each in new[] { positive, negative, positiveWeight, negativeWeight })
                Array.Clear(each);
            for (int i = 0; i < n; i++)
            {
                ProductRow(stacked, i, row, sums, values);
                for (int k = 0; k < values.Length; k++)
                {
                    float value = values[k];
                    if (value == 0 || Math.Abs(value) < least[i])
                        continue;
                    (double[] sum, double[] weight) = value * weights[i] > 0 ? (positive, positiveWeight) : (negative, negativeWeight);
                    sum[k] += weights[i] * value;
                    weight[k] += Math.Abs(weights[i]);
                }
            }
            float[] to = elected[row] = new float[stacked.Inputs];
            for (int k = 0; k < to.Length; k++)
            {
                bool up = positive[k] >= -negative[k];
                (double sum, double weight) = up ? (positive[k], positiveWeight[k]) : (negative[k], negativeWeight[k]);
                to[k] = weight > 0 ? (float)(sum / weight) : 0;
            }
        }
        return elected;
    }

    private static LoraAdapter Each(
        string name, IReadOnlyList<LoraAdapter> adapters, Func<Stacked, LoraPair> merge, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        List<LoraTarget> targets = Stacked.Targets(adapters);
        LoraPair[] pairs = new LoraPair[targets.Count];
        MatrixWork.Run(targets.Count, i => pairs[i] = merge(new(targets[i], adapters)), progress, "merge", cancellation);
        return new(name, targets.Zip(pairs).ToDictionary(each => each.First, each => each.Second));
    }

    private static void ProductRow(Stacked stacked, int adapter, int row, double[] sums, float[] values)
    {
        Array.Clear(sums);
        Matrix a = stacked.A[adapter], b = stacked.BTransposed[adapter];
        for (int k = 0; k < a.Rows; k++)
            Matrix.Add(a.Row(k), b[k, row], sums);
        TensorPrimitives.ConvertTruncating<double, float>(sums, values);
    }

    // The magnitude that the wanted share reaches, exactly: the upper half of the bits is found first, then the lower half within it.
    private static float Threshold(Stacked stacked, int adapter, double density)
    {
        long wanted = Math.Max(1, (long)Math.Round(density * stacked.Inputs * stacked.Outputs));
        uint upper = 0;
        foreach (int shift in new[] { 16, 0 })
        {
            long[] counts = new long[1 << 16];
            float[] values = new float[stacked.Inputs];
            double[] sums = new double[stacked.Inputs];
            for (int row = 0; row < stacked.Outputs; row++)
            {
                ProductRow(stacked, adapter, row, sums, values);
                foreach (uint bits in MemoryMarshal.Cast<float, uint>(values))
                {
                    uint magnitude = bits & 0x7FFFFFFF;
                    if (shift == 16 || magnitude >> 16 == upper)
                        counts[(magnitude >> shift) & 0xFFFF]++;
                }
            }
            uint at = 0xFFFF;
            for (; at > 0 && counts[at] < wanted; at--)
                wanted -= counts[at];
            upper = shift == 16 ? at : upper << 16 | at;
        }
        return BitConverter.UInt32BitsToSingle(upper);
    }

    // Turns of a subspace that starts with what the adapters span: the matrix itself is never decomposed.
    private static LoraPair Truncated(float[][] rows, Stacked stacked, int rank)
    {
        Matrix right = stacked.BasisA;
        Matrix images = Images(rows, right);
        for (int turn = 0; turn < SubspaceTurns; turn++)
        {
            Matrix left = Factorization.RowBasis(images);
            Matrix back = new(left.Rows, stacked.Inputs);
            double[] row = new double[stacked.Inputs];
            for (int output = 0; output < rows.Length; output++)
            {
                Widen(rows[output], row);
                for (int k = 0; k < left.Rows; k++)
                    Matrix.Add(row, left[k, output], back.Row(k));
            }
            right = Factorization.RowBasis(back);
            images = Images(rows, right);
        }
        // images = right · matrixᵀ, so the matrix is imagesᵀ · right.
        Matrix basis = Factorization.RowBasis(images);
        return Stacked.Factor(Matrix.TimesTransposed(basis, images), basis, right, rank);
    }

    private static Matrix Images(float[][] rows, Matrix right)
    {
        Matrix images = new(right.Rows, rows.Length);
        double[] row = new double[right.Columns];
        for (int output = 0; output < rows.Length; output++)
        {
            Widen(rows[output], row);
            for (int k = 0; k < right.Rows; k++)
                images[k, output] = Matrix.Dot(right.Row(k), row);
        }
        return images;
    }

    private static void Widen(float[] from, double[] to) => TensorPrimitives.ConvertTruncating<float, double>(from, to);
}
