using System.Numerics.Tensors;

namespace MeKi.Model.Adapters.Merging;

/// <summary>Factorizations of small matrices, in double and in a fixed order of operations.</summary>
internal static class Factorization
{
    private const int MostSweeps = 40;

    /// <summary>An orthonormal basis of a matrix' rows, [rank × columns]: Gram-Schmidt, each row twice.</summary>
    public static Matrix RowBasis(Matrix rows)
    {
        Matrix basis = new(Math.Min(rows.Rows, rows.Columns), rows.Columns);
        int found = 0;
        double[] row = new double[rows.Columns];
        for (int i = 0; i < rows.Rows && found < basis.Rows; i++)
        {
            rows.Row(i).CopyTo(row);
            double before = Math.Sqrt(Matrix.Dot(row, row));
            for (int pass = 0; pass < 2; pass++)
            {
                for (int k = 0; k < found; k++)
                    Matrix.Add(basis.Row(k), -Matrix.Dot(row, basis.Row(k)), row);
            }
            double after = Math.Sqrt(Matrix.Dot(row, row));
            // What is left of a row that depends on others is rounding.
            if (!(after > 1e-10 * before))
                continue;
            TensorPrimitives.Divide(row, after, basis.Row(found++));
        }
        return basis.Top(found);
    }

    /// <summary>
    /// Singular values, descending, and right singular vectors as rows, [min(rows, columns) × columns]: one-sided Jacobi rotations of the rows (Hestenes).
    /// Vectors of vanishing values are zero.
    /// </summary>
    public static (double[] Values, Matrix Right) Singular(Matrix matrix)
    {
        // Rotations cost the square of the rows.
        if (matrix.Rows > matrix.Columns)
        {
            Matrix basis = RowBasis(matrix.Transposed());
            return basis.Rows == 0 ? ([], new(0, matrix.Columns)) : Singular(basis * matrix);
        }
        Matrix rows = matrix.Top(matrix.Rows);
        int n = rows.Rows;
        double[] turned = new double[rows.Columns];
        bool moved = true;
        for (int sweep = 0; sweep < MostSweeps && moved; sweep++)
        {
            moved = false;
            for (int p = 0; p < n; p++)
            {
                for (int q = p + 1; q < n; q++)
                {
                    Span<double> x = rows.Row(p), y = rows.Row(q);
                    double xx = Matrix.Dot(x, x), yy = Matrix.Dot(y, y), xy = Matrix.Dot(x, y);
                    if (Math.Abs(xy) <= 1e-13 * Math.Sqrt(xx * yy))
                        continue;
                    moved = true;
                    double zeta = (yy - xx) / (2 * xy), t = (zeta >= 0 ? 1 : -1) / (Math.Abs(zeta) + Math.Sqrt(1 + zeta * zeta));
                    double cosine = 1 / Math.Sqrt(1 + t * t), sine = cosine * t;
                    TensorPrimitives.Multiply(x, cosine, turned);
                    Matrix.Add(y, -sine, turned);
                    TensorPrimitives.Multiply(y, cosine, y);
                    Matrix.Add(x, sine, y);
                    turned.CopyTo(x);
                }
            }
        }
        double[] lengths = [.. Enumerable.Range(0, n).Select(i => Math.Sqrt(Matrix.Dot(rows.Row(i), rows.Row(i))))];
        int[] order = [.. Enumerable.Range(0, n).OrderByDescending(i => lengths[i])];
        Matrix right = new(n, rows.Columns);
        for (int i = 0; i < n; i++)
        {
            double length = lengths[order[i]];
            if (length > 1e-14 * lengths[order[0]])
                TensorPrimitives.Divide(rows.Row(order[i]), length, right.Row(i));
        }
        return ([.. order.Select(i => lengths[i])], right);
    }

    /// <summary>The lower triangle L of a positive semidefinite matrix = L Lᵀ; what vanishes is kept a little above zero.</summary>
    public static Matrix Cholesky(Matrix symmetric)
    {
        int n = symmetric.Rows;
        Matrix lower = new(n, n);
        double trace = 0;
        for (int i = 0; i < n; i++)
            trace += symmetric[i, i];
        double least = Math.Max(1e-12 * trace / Math.Max(n, 1), 1e-200);
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double rest = symmetric[i, j] - Matrix.Dot(lower.Row(i)[..j], lower.Row(j)[..j]);
                lower[i, j] = i == j ? Math.Sqrt(Math.Max(rest, least)) : rest / lower[j, j];
            }
        }
        return lower;
    }

    /// <summary>X of X L = Y, row by row.</summary>
    public static Matrix SolveLower(Matrix lower, Matrix right)
    {
        Matrix solved = right.Top(right.Rows);
        for (int row = 0; row < solved.Rows; row++)
        {
            Span<double> x = solved.Row(row);
            for (int i = x.Length - 1; i >= 0; i--)
            {
                x[i] /= lower[i, i];
                Matrix.Add(lower.Row(i)[..i], -x[i], x[..i]);
            }
        }
        return solved;
    }

    /// <summary>X of X L Lᵀ = Y, row by row.</summary>
    public static Matrix Solve(Matrix lower, Matrix right)
    {
        Matrix half = right.Top(right.Rows);
        for (int row = 0; row < half.Rows; row++)
        {
            // x Lᵀ = y is L xᵀ = yᵀ.
            Span<double> x = half.Row(row);
            for (int i = 0; i < x.Length; i++)
                x[i] = (x[i] - Matrix.Dot(lower.Row(i)[..i], x[..i])) / lower[i, i];
        }
        return SolveLower(lower, half);
    }
}
