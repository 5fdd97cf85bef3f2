namespace MeKi.Model.Adapters.Merging;

/// <summary>
/// What several adapters add to one matrix, in the coordinates of the space that their sides span: A_i = CoordinatesA_i · BasisA and
/// B_iᵀ = CoordinatesB_i · BasisB. So nothing is ever as large as the matrix. An adapter's scale is in its B.
/// </summary>
internal sealed class Stacked
{
    public Stacked(LoraTarget target, IReadOnlyList<LoraAdapter> adapters)
    {
        Target = target;
        LoraPair?[] pairs = [.. adapters.Select(adapter => adapter.Pairs.GetValueOrDefault(target))];
        LoraPair one = pairs.First(pair => pair is not null)!;
        (Inputs, Outputs) = (one.A.Columns, one.B.Rows);
        A = [.. pairs.Select(pair => pair is null ? new Matrix(0, Inputs) : new(pair.A))];
        BTransposed = [.. pairs.Select(pair => pair is null ? new Matrix(0, Outputs) : new Matrix(pair.B, pair.Scale).Transposed())];
        BasisA = Factorization.RowBasis(Matrix.Stack(A));
        BasisB = Factorization.RowBasis(Matrix.Stack(BTransposed));
        CoordinatesA = [.. A.Select(a => Matrix.TimesTransposed(a, BasisA))];
        CoordinatesB = [.. BTransposed.Select(b => Matrix.TimesTransposed(b, BasisB))];
    }

    public LoraTarget Target { get; }

    /// <summary>Columns of the matrix.</summary>
    public int Inputs { get; }

    /// <summary>Rows of the matrix.</summary>
    public int Outputs { get; }

    /// <summary>[rank × inputs] for each adapter; no rows where one leaves the matrix alone.</summary>
    public Matrix[] A { get; }

    /// <summary>[rank × outputs] for each adapter.</summary>
    public Matrix[] BTransposed { get; }

    /// <summary>Orthonormal rows.</summary>
    public Matrix BasisA { get; }

    /// <summary>Orthonormal rows.</summary>
    public Matrix BasisB { get; }

    /// <summary>[rank × rows of <see cref="BasisA"/>].</summary>
    public Matrix[] CoordinatesA { get; }

    /// <summary>[rank × rows of <see cref="BasisB"/>].</summary>
    public Matrix[] CoordinatesB { get; }

    /// <summary>Every matrix that one of the adapters changes, in the order of the model.</summary>
    public static List<LoraTarget> Targets(IEnumerable<LoraAdapter> adapters) =>
        [.. adapters.SelectMany(adapter => adapter.Pairs.Keys).Distinct().OrderBy(target => target.Layer).ThenBy(target => target.Role)];

    /// <summary>Σ weight_i · ΔW_i in the two bases, [rows of B's × rows of A's].</summary>
    public Matrix Core(IReadOnlyList<double> weights)
    {
        Matrix core = new(BasisB.Rows, BasisA.Rows);
        for (int i = 0; i < A.Length; i++)
            core += weights[i] * (CoordinatesB[i].Transposed() * CoordinatesA[i]);
        return core;
    }

    /// <summary>The best approximation of a product of some rank: B = U √σ, A = √σ Vᵀ.</summary>
    /// <param name="core">In the two bases.</param>
    /// <param name="rank">The most.</param>
    public LoraPair Pair(Matrix core, int rank) => Factor(core, BasisB, BasisA, rank);

    /// <summary>Likewise of <c>leftᵀ core right</c>, whose sides have orthonormal rows.</summary>
    public static LoraPair Factor(Matrix core, Matrix left, Matrix right, int rank)
    {
        (double[] values, Matrix vectors) = Factorization.Singular(core);
        Matrix top = vectors.Top(Math.Min(Math.Max(rank, 1), vectors.Rows));
        // core Vᵀ = U σ.
        Matrix images = Matrix.TimesTransposed(top, core);
        for (int i = 0; i < top.Rows; i++)
        {
            double root = Math.Sqrt(values[i]);
            for (int k = 0; k < top.Columns; k++)
                top[i, k] *= root;
            for (int k = 0; k < images.Columns && root > 0; k++)
                images[i, k] /= root;
        }
        return new((top * right).ToFactor(), (images * left).Transposed().ToFactor(), 1);
    }
}
