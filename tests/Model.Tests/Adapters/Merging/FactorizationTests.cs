using MeKi.Model.Adapters.Merging;

namespace MeKi.Model.Tests.Adapters.Merging;

public class FactorizationTests
{
    [Theory]
    [InlineData(5, 9)]
    [InlineData(9, 5)]
    [InlineData(1, 4)]
    [InlineData(16, 16)]
    public void Singular_vectors_are_orthonormal_and_give_the_matrix_lengths_in_falling_order(int rows, int columns)
    {
        Matrix matrix = Random(rows, columns, seed: rows * 100 + columns);
        (double[] values, Matrix right) = Factorization.Singular(matrix);
        Assert.Equal(Math.Min(rows, columns), values.Length);
        Assert.Equal(values.OrderDescending(), values);
        Near(Matrix.Identity(right.Rows), Matrix.TimesTransposed(right, right));
        // All of the matrix lies in its right singular vectors, and the image of each has its value's length.
        Near(matrix, Matrix.TimesTransposed(matrix, right) * right);
        Matrix images = Matrix.TimesTransposed(right, matrix);
        for (int i = 0; i < values.Length; i++)
            Assert.Equal(values[i], Math.Sqrt(Matrix.Dot(images.Row(i), images.Row(i))), 1e-10);
        Matrix products = Matrix.TimesTransposed(images, images);
        for (int i = 0; i < values.Length; i++)
        {
            for (int j = 0; j < i; j++)
                Assert.Equal(0, products[i, j], 1e-9);
        }
    }

    [Fact]
    public void A_matrix_of_low_rank_has_as_many_values()
    {
        Matrix matrix = Random(12, 2, 1) * Random(2, 10, 2);
        (double[] values, _) = Factorization.Singular(matrix);
        Assert.True(values[1] > 1e-3);
        Assert.All(values[2..], value => Assert.True(value < 1e-12 * values[0]));
        Assert.Equal(2, Factorization.RowBasis(matrix).Rows);
    }

    [Fact]
    public void Nothing_has_no_basis()
    {
        Assert.Equal(0, Factorization.RowBasis(new Matrix(3, 4)).Rows);
        Assert.All(Factorization.Singular(new Matrix(3, 4)).Values, value => Assert.Equal(0, value));
    }

    [Fact]
    public void Cholesky_solves_its_equations()
    {
        Matrix half = Random(6, 9, 3), symmetric = Matrix.TimesTransposed(half, half), wanted = Random(4, 6, 5);
        Matrix lower = Factorization.Cholesky(symmetric);
        Near(symmetric, Matrix.TimesTransposed(lower, lower));
        Near(wanted, Factorization.Solve(lower, wanted * symmetric), 1e-7);
        Near(wanted, Factorization.SolveLower(lower, wanted * lower), 1e-9);
    }

    internal static Matrix Random(int rows, int columns, int seed)
    {
        Random random = new(seed);
        Matrix matrix = new(rows, columns);
        for (int i = 0; i < matrix.Values.Length; i++)
            matrix.Values[i] = random.NextDouble() - 0.5;
        return matrix;
    }

    internal static void Near(Matrix expected, Matrix actual, double tolerance = 1e-10)
    {
        Assert.Equal((expected.Rows, expected.Columns), (actual.Rows, actual.Columns));
        for (int i = 0; i < expected.Values.Length; i++)
            Assert.Equal(expected.Values[i], actual.Values[i], tolerance);
    }
}
