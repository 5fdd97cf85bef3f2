using MeKi.Model.Adapters;
using MeKi.Model.Adapters.Merging;
using MeKi.Model.Architectures;

namespace MeKi.Model.Tests.Adapters.Merging;

public class AdapterMergeTests
{
    private static readonly LoraTarget s_target = new(0, Role.Query);

    [Fact]
    public void An_average_is_exact_where_its_rank_allows()
    {
        LoraAdapter[] adapters = [Of(1, 3, 10, 7), Of(2, 2, 10, 7), Of(3, 1, 10, 7)];
        double[] weights = [0.5, 0.25, -1];
        LoraAdapter merged = AdapterMerge.Average("all", adapters, weights, rank: 6);
        Matrix expected = new(7, 10);
        for (int i = 0; i < adapters.Length; i++)
            expected += weights[i] * Product(adapters[i]);
        FactorizationTests.Near(expected, Product(merged), 1e-6);
    }

    [Fact]
    public void A_truncated_average_loses_what_the_smaller_singular_values_are()
    {
        LoraAdapter[] adapters = [Of(1, 3, 12, 9), Of(2, 3, 12, 9)];
        Matrix whole = 0.5 * Product(adapters[0]) + 0.5 * Product(adapters[1]);
        (double[] values, _) = Factorization.Singular(whole);
        for (int rank = 1; rank <= 6; rank++)
        {
            Matrix lost = whole - Product(AdapterMerge.Average("all", adapters, [0.5, 0.5], rank));
            Assert.Equal(values.Skip(rank).Sum(value => value * value), Matrix.Dot(lost.Values, lost.Values), 1e-6);
        }
    }

    [Fact]
    public void An_adapter_that_leaves_a_matrix_alone_counts_as_nought_there()
    {
        LoraAdapter one = Of(1, 2, 8, 6), none = new("none", new Dictionary<LoraTarget, LoraPair> { [new(0, Role.Key)] = Of(2, 2, 8, 6).Pairs[s_target] });
        FactorizationTests.Near(0.5 * Product(one), Product(AdapterMerge.Average("all", [one, none], [0.5, 0.5], 4)), 1e-6);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.4)]
    [InlineData(0.05)]
    public void Ties_is_what_its_definition_says(double density)
    {
        LoraAdapter[] adapters = [Of(1, 2, 9, 8), Of(2, 3, 9, 8), Of(3, 2, 9, 8)];
        float[][] elected = AdapterMerge.Elected(new(s_target, adapters), [1, 1, 1], density);
        Matrix[] trimmed = [.. adapters.Select(adapter =>
        {
            Matrix product = Product(adapter);
            float least = product.Values.ToArray().Select(value => (float)Math.Abs(value)).OrderDescending().ElementAt((int)Math.Round(density * 72) - 1);
            for (int i = 0; i < product.Values.Length; i++)
                product.Values[i] = (float)Math.Abs(product.Values[i]) >= least ? product.Values[i] : 0;
            return product;
        })];
        for (int row = 0; row < 8; row++)
        {
            for (int column = 0; column < 9; column++)
            {
                double[] values = [.. trimmed.Select(each => each[row, column])];
                double sign = values.Sum() >= 0 ? 1 : -1;
                double[] agreeing = [.. values.Where(value => value * sign > 0)];
                Assert.Equal(agreeing.Length == 0 ? 0 : agreeing.Average(), elected[row][column], 1e-6);
            }
        }
    }

    [Fact]
    public void Ties_of_full_rank_is_kept_whole()
    {
        LoraAdapter[] adapters = [Of(1, 4, 9, 8), Of(2, 4, 9, 8)];
        float[][] elected = AdapterMerge.Elected(new(s_target, adapters), [1, 1], 0.3);
        Matrix merged = Product(AdapterMerge.Ties("all", adapters, [1, 1], 0.3, rank: 8));
        for (int row = 0; row < 8; row++)
        {
            for (int column = 0; column < 9; column++)
                Assert.Equal(elected[row][column], merged[row, column], 1e-5);
        }
    }

    [Fact]
    public void A_plain_start_that_shares_all_directions_loses_nothing()
    {
        LoraAdapter[] adapters = [Of(1, 2, 10, 7), Of(2, 2, 10, 7), Of(3, 2, 10, 7)];
        HydraResult shared = HydraOpt.Plain(adapters, rank: 6);
        for (int i = 0; i < adapters.Length; i++)
            FactorizationTests.Near(Product(adapters[i]), Product(shared.Adapters[i]), 1e-6);
        Assert.Single(shared.Adapters.Select(adapter => adapter.Pairs[s_target].A).Distinct());
    }

    private static LoraAdapter Of(int seed, int rank, int inputs, int outputs)
    {
        Random random = new(seed);
        LoraPair pair = new(Factor(random, rank, inputs), Factor(random, outputs, rank), 1.5f);
        return new($"a{seed}", new Dictionary<LoraTarget, LoraPair> { [s_target] = pair });
    }

    private static LoraFactor Factor(Random random, int rows, int columns) =>
        new(rows, columns, [.. Enumerable.Range(0, rows * columns).Select(_ => random.NextSingle() - 0.5f)]);

    private static Matrix Product(LoraAdapter adapter)
    {
        LoraPair pair = adapter.Pairs[s_target];
        return new Matrix(pair.B, pair.Scale) * new Matrix(pair.A);
    }
}
