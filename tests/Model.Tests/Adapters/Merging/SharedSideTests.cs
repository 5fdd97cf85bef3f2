using MeKi.Model.Adapters.Merging;

namespace MeKi.Model.Tests.Adapters.Merging;

public class SharedSideTests
{
    [Fact]
    public void Each_turn_loses_no_more_than_the_one_before()
    {
        SharedSide side = Side(5, 3, 12);
        SharedGroup group = side.Start([0, 1, 2, 3, 4], 4).Group;
        double before = Sum(side, group);
        for (int turn = 0; turn < 8; turn++)
        {
            group = side.Alternate(group, 1);
            double now = Sum(side, group);
            Assert.True(now <= before * (1 + 1e-9), $"turn {turn}: {before} → {now}");
            before = now;
        }
    }

    [Fact]
    public void Losses_of_all_ranks_are_those_of_the_factors_first_rows()
    {
        SharedSide side = Side(4, 2, 8);
        (double[] losses, SharedGroup group) = side.Start([0, 1, 2, 3], 6);
        Assert.Equal(side.Total, losses[0], 1e-9);
        for (int rank = 1; rank <= 6; rank++)
            Assert.Equal(Sum(side, group with { Factor = group.Factor.Top(rank) }), losses[rank], 1e-8);
        Assert.Equal(losses.OrderDescending(), losses);
    }

    [Fact]
    public void A_factor_of_all_directions_loses_nothing()
    {
        SharedSide side = Side(3, 2, 6);
        Assert.Equal(0, side.Start([0, 1, 2], 6).Losses[6], 1e-9);
    }

    [Fact]
    public void Adapters_of_one_row_space_share_a_factor()
    {
        Matrix one = FactorizationTests.Random(2, 8, 1), other = FactorizationTests.Random(2, 8, 2);
        Matrix[] own = [.. Enumerable.Range(0, 6).Select(i => FactorizationTests.Random(2, 2, 10 + i) * (i % 2 == 0 ? one : other))];
        SharedSide side = new(own, [.. own.Select(_ => Matrix.Identity(8))], [.. own.Select(_ => Matrix.Identity(2))]);
        int[][] groups = side.Groups(2, 2);
        Assert.Equal([[0, 2, 4], [1, 3, 5]], groups.OrderBy(group => group[0]));
        Assert.Equal(0, groups.Sum(group => side.Start(group, 2).Losses[2]), 1e-9);
    }

    [Fact]
    public void A_budget_is_kept_and_used_where_it_gains_most()
    {
        List<Way> cheap = [Way(0, 10, 0), Way(1, 1, 4), Way(2, 0, 8)], dear = [Way(0, 10, 0), Way(1, 9, 4), Way(2, 0, 40)];
        Assert.Equal([1, 0], Budget.Choose([cheap, dear], 5).Select(way => way.Rank));
        Assert.Equal([2, 1], Budget.Choose([cheap, dear], 12).Select(way => way.Rank));
        Assert.Equal([2, 2], Budget.Choose([cheap, dear], 48).Select(way => way.Rank));
        Assert.Equal([0, 0], Budget.Choose([cheap, dear], 1).Select(way => way.Rank));
    }

    private static Way Way(int rank, double loss, double cost) => new(true, [], rank, loss, cost, false);

    private static SharedSide Side(int count, int rank, int basis)
    {
        Matrix[] own = [.. Enumerable.Range(0, count).Select(i => FactorizationTests.Random(rank, basis, i + 1))];
        IEnumerable<int> each = Enumerable.Range(0, count);
        return new(own, [.. each.Select(i => Positive(basis, 20 + i))], [.. each.Select(i => Positive(rank, 40 + i))]);
    }

    private static Matrix Positive(int size, int seed)
    {
        Matrix half = FactorizationTests.Random(size, 2 * size, seed);
        return Matrix.TimesTransposed(half, half);
    }

    private static double Sum(SharedSide side, SharedGroup group) => group.Members.Sum(i => side.Loss(i, group.Factor));
}
