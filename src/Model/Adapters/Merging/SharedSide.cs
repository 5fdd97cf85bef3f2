namespace MeKi.Model.Adapters.Merging;

/// <summary>Adapters that share a factor.</summary>
/// <param name="Members">Which.</param>
/// <param name="Factor">In the side's basis, by falling importance, [ranks × basis].</param>
internal sealed record SharedGroup(int[] Members, Matrix Factor);

/// <summary>
/// One side of a matrix that adapters share, A or B: member i's other factor is T_i of its own one, and its loss is
/// tr(W_i (M_i − T_i P) C_i (M_i − T_i P)ᵀ), where P is the shared factor and M_i the member's own in the side's basis. For A, C_i is the covariance of what
/// the matrix is given in the member's task, and W_i = B_iᵀ B_i: the loss is the mean square of what the product's output misses. For B, W_i = A_i C_i A_iᵀ,
/// and C_i is the identity.
/// </summary>
internal sealed class SharedSide
{
    private const int ConjugateSteps = 15;

    private readonly Matrix[] _own;
    private readonly Matrix[] _covariances;
    private readonly Matrix[] _weights;
    private readonly Matrix[] _covarianceRoots;
    private readonly Matrix[] _weightRoots;

    /// <param name="own">M_i, [rank × basis].</param>
    /// <param name="covariances">C_i, [basis × basis].</param>
    /// <param name="weights">W_i, [rank × rank].</param>
    public SharedSide(Matrix[] own, Matrix[] covariances, Matrix[] weights)
    {
        (_own, _covariances, _weights) = (own, covariances, weights);
        Dictionary<Matrix, Matrix> roots = new(ReferenceEqualityComparer.Instance);
        _covarianceRoots = [.. covariances.Select(Root)];
        _weightRoots = [.. weights.Select(Factorization.Cholesky)];

        Matrix Root(Matrix covariance)
        {
            if (!roots.TryGetValue(covariance, out Matrix? root))
                roots.Add(covariance, root = Factorization.Cholesky(covariance));
            return root;
        }
    }

    private int Basis => _covariances[0].Columns;

    /// <summary>The loss of leaving everything out.</summary>
    public double Total => Enumerable.Range(0, _own.Length).Sum(i => Energy(i, _own[i]));

    /// <summary>What all members would lose by one factor for all, by ranks from 0; and the factor.</summary>
    public (double[] Losses, SharedGroup Group) Start(int[] members, int mostRank)
    {
        Matrix factor = StartFactor(members, mostRank);
        double[] losses = new double[mostRank + 1];
        foreach (int i in members)
            AddLosses(i, factor, losses);
        return (losses, new(members, factor));
    }

    /// <summary>
    /// K groups of adapters that are alike: the two groups whose products point most alike become one, until K are left; then each adapter goes to the
    /// factor that it loses least by, in turns, as long as the whole gains.
    /// </summary>
    public int[][] Groups(int count, int rank)
    {
        int n = _own.Length;
        if (count == 1 || count >= n)
            return count == 1 ? [[.. Enumerable.Range(0, n)]] : [.. Enumerable.Range(0, n).Select(i => new[] { i })];
        List<List<int>> groups = [.. Enumerable.Range(0, n).Select(i => new List<int> { i })];
        double[,] alike = Similarities();
        while (groups.Count > count)
        {
            (int One, int Other, double Score) best = (0, 1, double.NegativeInfinity);
            for (int i = 0; i < groups.Count; i++)
            {
                for (int j = i + 1; j < groups.Count; j++)
                {
                    double score = groups[i].Average(a => groups[j].Average(b => alike[a, b]));
                    if (score > best.Score)
                        best = (i, j, score);
                }
            }
            groups[best.One].AddRange(groups[best.Other]);
            groups.RemoveAt(best.Other);
        }
        int[][] kept = [.. groups.Select(group => group.Order().ToArray())];
        double keptLoss = double.PositiveInfinity;
        for (int turn = 0; turn < 4; turn++)
        {
            int[][] now = [.. groups.Where(group => group.Count > 0).Select(group => group.Order().ToArray())];
            Matrix[] factors = [.. now.Select(group => StartFactor(group, rank))];
            double[,] losses = new double[n, now.Length];
            for (int i = 0; i < n; i++)
            {
                for (int k = 0; k < now.Length; k++)
                {
                    double[] each = new double[rank + 1];
                    AddLosses(i, factors[k], each);
                    losses[i, k] = each[rank];
                }
            }
            double loss = now.Select((group, k) => group.Sum(i => losses[i, k])).Sum();
            if (!(loss < keptLoss))
                break;
            (kept, keptLoss) = (now, loss);
            groups = [.. now.Select(_ => new List<int>())];
            for (int i = 0; i < n; i++)
                groups[Enumerable.Range(0, now.Length).MinBy(k => losses[i, k])].Add(i);
        }
        return kept;
    }

    /// <summary>Improves a factor by turns: the members' T_i in closed form, then the factor, by conjugate gradients of its normal equations.</summary>
    /// <param name="group">The group; its factor has the rank that it is to have.</param>
    /// <param name="turns">How many.</param>
    public SharedGroup Alternate(SharedGroup group, int turns)
    {
        Matrix factor = group.Factor;
        for (int turn = 0; turn < turns; turn++)
        {
            Matrix[] grams = new Matrix[group.Members.Length];
            Matrix right = new(factor.Rows, Basis), diagonal = new(factor.Rows, Basis);
            for (int m = 0; m < grams.Length; m++)
            {
                int i = group.Members[m];
                Matrix own = OwnFactor(i, factor), weighted = own.Transposed() * _weights[i];
                grams[m] = weighted * own;
                right += weighted * (_own[i] * _covariances[i]);
                for (int row = 0; row < diagonal.Rows; row++)
                {
                    for (int column = 0; column < Basis; column++)
                        diagonal[row, column] += grams[m][row, row] * _covariances[i][column, column];
                }
            }
            factor = Unit(Descend(factor, group.Members, grams, right, diagonal));
        }
        return group with { Factor = factor };
    }

    /// <summary>T_i, [rank × ranks]: the best that a member makes of a shared factor.</summary>
    public Matrix OwnFactor(int member, Matrix factor)
    {
        Matrix seen = factor * _covariances[member];
        return Factorization.Solve(Factorization.Cholesky(Matrix.TimesTransposed(factor, seen)), Matrix.TimesTransposed(_own[member], seen));
    }

    /// <summary>What a member loses with a shared factor.</summary>
    public double Loss(int member, Matrix factor) => Energy(member, _own[member] - OwnFactor(member, factor) * factor);

    private double Energy(int member, Matrix difference) =>
        Matrix.Dot((_weights[member] * difference).Values, (difference * _covariances[member]).Values);

    // The top right singular vectors of the stacked products, seen through the root of the mean covariance.
    private Matrix StartFactor(int[] members, int mostRank)
    {
        Matrix root = MeanRoot(members);
        Matrix stacked = Matrix.Stack([.. members.Select(i => _weightRoots[i].Transposed() * _own[i] * root)]);
        Matrix vectors = Factorization.Singular(stacked).Right;
        Matrix factor = new(mostRank, Basis);
        Factorization.SolveLower(root, vectors.Top(Math.Min(mostRank, vectors.Rows))).Values.CopyTo(factor.Values);
        return factor;
    }

    private Matrix MeanRoot(int[] members)
    {
        if (members.All(i => ReferenceEquals(_covarianceRoots[i], _covarianceRoots[members[0]])))
            return _covarianceRoots[members[0]];
        Matrix mean = new(Basis, Basis);
        foreach (int i in members)
            mean += 1.0 / members.Length * _covariances[i];
        return Factorization.Cholesky(mean);
    }

    // Losses of all ranks at once: the factor's rows, made orthogonal in the member's covariance one after the other, each take away their part.
    private void AddLosses(int member, Matrix factor, double[] losses)
    {
        double left = Energy(member, _own[member]);
        losses[0] += left;
        Matrix root = _covarianceRoots[member];
        Matrix rows = factor * root, own = _weightRoots[member].Transposed() * _own[member] * root;
        for (int rank = 0; rank < losses.Length - 1; rank++)
        {
            Span<double> row = rows.Row(rank);
            double before = Matrix.Dot(row, row);
            for (int pass = 0; pass < 2; pass++)
            {
                for (int earlier = 0; earlier < rank; earlier++)
                    Matrix.Add(rows.Row(earlier), -Matrix.Dot(row, rows.Row(earlier)), row);
            }
            double length = Math.Sqrt(Matrix.Dot(row, row));
            if (length * length > 1e-20 * before)
            {
                for (int i = 0; i < row.Length; i++)
                    row[i] /= length;
                for (int i = 0; i < own.Rows; i++)
                {
                    double part = Matrix.Dot(own.Row(i), row);
                    left -= part * part;
                }
            }
            else
            {
                row.Clear();
            }
            losses[rank + 1] += Math.Max(left, 0);
        }
    }

    private double[,] Similarities()
    {
        int n = _own.Length;
        Matrix root = MeanRoot([.. Enumerable.Range(0, n)]);
        Matrix[] vectors = [.. Enumerable.Range(0, n).Select(i => Factorization.Singular(_weightRoots[i].Transposed() * _own[i] * root).Right)];
        double[,] alike = new double[n, n];
        for (int i = 0; i < n; i++)
        {
            // The share of one's row space that lies in the other's.
            for (int j = 0; j < n; j++)
            {
                Matrix cosines = Matrix.TimesTransposed(vectors[i], vectors[j]);
                alike[i, j] = Matrix.Dot(cosines.Values, cosines.Values) / Math.Max(1, Math.Min(cosines.Rows, cosines.Columns));
            }
        }
        return alike;
    }

    private Matrix Descend(Matrix factor, int[] members, Matrix[] grams, Matrix right, Matrix diagonal)
    {
        Matrix residual = right - Apply(factor), scaled = Scaled(residual), direction = scaled;
        double size = Matrix.Dot(residual.Values, scaled.Values), first = size;
        for (int step = 0; step < ConjugateSteps && size > 1e-12 * first; step++)
        {
            Matrix image = Apply(direction);
            double curvature = Matrix.Dot(direction.Values, image.Values);
            if (!(curvature > 0))
                break;
            factor += size / curvature * direction;
            residual -= size / curvature * image;
            scaled = Scaled(residual);
            double next = Matrix.Dot(residual.Values, scaled.Values);
            direction = scaled + next / size * direction;
            size = next;
        }
        return factor;

        Matrix Apply(Matrix of)
        {
            Matrix sum = new(of.Rows, of.Columns);
            for (int m = 0; m < grams.Length; m++)
                sum += grams[m] * (of * _covariances[members[m]]);
            return sum;
        }

        Matrix Scaled(Matrix of)
        {
            Matrix result = new(of.Rows, of.Columns);
            for (int i = 0; i < of.Values.Length; i++)
                result.Values[i] = diagonal.Values[i] > 0 ? of.Values[i] / diagonal.Values[i] : 0;
            return result;
        }
    }

    private static Matrix Unit(Matrix factor)
    {
        for (int row = 0; row < factor.Rows; row++)
        {
            double length = Math.Sqrt(Matrix.Dot(factor.Row(row), factor.Row(row)));
            for (int i = 0; i < factor.Columns && length > 0; i++)
                factor[row, i] /= length;
        }
        return factor;
    }
}
