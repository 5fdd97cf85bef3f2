using MeKi.Model.Adapters.Merging;

namespace MeKi.Model.Tests.Adapters.Merging;

public class ClusterTests
{
    [Fact]
    public void No_cluster_is_without_a_task()
    {
        double[,] costs = { { 1, 5, 5 }, { 2, 5, 5 }, { 9, 10, 10 } };
        int[] assigned = Assignment.Nearest(costs);
        Assert.Equal(3, assigned.Distinct().Count());
        SeededNumbers random = new(1);
        for (int tasks = 1; tasks < 9; tasks++)
        {
            for (int clusters = 1; clusters <= tasks; clusters++)
                Assert.Equal(clusters, Assignment.Random(tasks, clusters, random).Distinct().Count());
        }
    }

    [Fact]
    public void A_seed_gives_the_same_assignment()
    {
        Assert.Equal(Assignment.Random(20, 4, new(7)), Assignment.Random(20, 4, new(7)));
        Assert.NotEqual(Assignment.Random(20, 4, new(7)), Assignment.Random(20, 4, new(8)));
    }

    [Fact]
    public void A_move_leaves_no_cluster_without_a_task()
    {
        int[][] moves = [.. Assignment.Moves([0, 0, 1, 2], 3)];
        Assert.Equal(["0,1,0,2", "0,1,2,0", "0,1,1,2", "0,1,2,1"], moves.Select(Assignment.KeyOf));
        Assert.Empty(Assignment.Moves([0, 1], 2));
        Assert.Empty(Assignment.Moves([0, 0], 1));
    }

    [Fact]
    public void K_means_finds_what_lies_together()
    {
        double[][] points = [[0, 0], [10, 0], [0.1, 0], [10, 0.2], [0, 0.3], [-8, 9]];
        Matrix gram = new(6, 6);
        for (int i = 0; i < 6; i++)
        {
            for (int j = 0; j < 6; j++)
                gram[i, j] = points[i][0] * points[j][0] + points[i][1] * points[j][1];
        }
        Assert.Equal("0,1,0,1,0,2", Assignment.KeyOf(ProductGram.Means(gram, 3, new(0))));
    }

    [Fact]
    public void Scores_are_taken_from_the_file_of_the_same_search_only()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("meki-scores-").FullName, "scores.json");
        ScoreFile scores = new(path, "a");
        scores.Put("one", [1.5, 2]);
        scores.Save();
        Assert.Equal([1.5, 2], new ScoreFile(path, "a").Find("one")!);
        Assert.Null(new ScoreFile(path, "a").Find("other"));
        Assert.Equal(0, new ScoreFile(path, "b").Count);
        File.WriteAllText(path, """{"identity":"a","scores":{"one":[1,"x"]}}""");
        ModelFileException failure = Assert.Throws<ModelFileException>(() => new ScoreFile(path, "a"));
        Assert.Contains("is no number", failure.Message, StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(path)!, true);
    }
}
