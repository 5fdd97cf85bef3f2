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
        Assert.Equal([1.5, 2], new ClusterScores(path, "a", 2).Of([0, 1], () => [1.5, 2]));
        Assert.Equal([1.5, 2], new ClusterScores(path, "a", 2).Of([0, 1], () => throw new InvalidOperationException("scored twice")));
        Assert.Equal(0, new ClusterScores(path, "b", 2).Count);
        File.WriteAllText(path, """{"identity":"a","merges":[{"tasks":"0","scores":[1]}]}""");
        ModelFileException failure = Assert.Throws<ModelFileException>(() => new ClusterScores(path, "a", 2));
        Assert.Contains("has 1 scores where there are 2 tasks", failure.Message, StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(path)!, true);
    }
}
