using MeKi.Model.Adapters;
using MeKi.Model.Adapters.Merging;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;

namespace MeKi.Model.Tests.Adapters.Merging;

public sealed class TaskClustersTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MeKiModel _model = tiny.Load(converted: true, threads: 2);

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Scores_of_many_texts_are_those_of_each_alone()
    {
        MergeTask[] tasks = Tasks(3);
        using TextScorer scorer = new(_model);
        using HeldAdapter one = scorer.Hold(tasks[0].Adapter), other = scorer.Hold(tasks[1].Adapter);
        double[][] sums = scorer.Score([new(tasks[0].Examples, one), new(tasks[1].Examples, null), new(tasks[2].Examples, other)], "", null, default);
        foreach ((int task, string? adapter) in new[] { (0, Write(tasks[0])), (1, null), (2, Write(tasks[1])) })
        {
            for (int i = 0; i < tasks[task].Examples.Count; i++)
            {
                MergeText text = tasks[task].Examples[i];
                using MeKiSession session = _model.CreateSession(adapter is null ? [] : [new(adapter)]);
                float[] logits = new float[text.Tokens.Length * _model.Config.VocabularySize];
                session.Forward(text.Tokens, logits);
                Assert.Equal(GoldenAssert.Nll(logits, text.Tokens).Skip(text.First - 1).Sum(), sums[task][i], 1e-4);
            }
        }
    }

    [Fact]
    public void What_has_no_chance_is_not_scored_to_its_end_and_the_best_is_the_same()
    {
        MergeTask[] tasks = Tasks(4);
        int[][] clusters = [[0, 1], [2], [3]];
        int[] first = [0, 0, 1, 2];
        using TextScorer scorer = new(_model);
        using ExampleScores scores = new(_model, tasks, Merge, new(null, ""));
        double[,] costs = scores.Of(clusters, first, "", null, default);
        for (int task = 0; task < tasks.Length; task++)
        {
            double[] exact = [.. clusters.Select(members =>
            {
                using HeldAdapter held = scorer.Hold(Merge(members));
                double sum = scorer.Score([new(tasks[task].Examples, held)], "", null, default)[0].Sum();
                return sum / tasks[task].Examples.Sum(text => text.Tokens.Length - text.First);
            })];
            int best = Array.IndexOf(exact, exact.Min());
            Assert.Equal(exact[first[task]], costs[task, first[task]], 1e-9);
            Assert.Equal(exact[best], costs[task, best], 1e-9);
            for (int k = 0; k < clusters.Length; k++)
                Assert.True(costs[task, k] >= exact[best] - 1e-9);
        }

        LoraAdapter Merge(int[] members) => Average(tasks, members);
    }

    [Fact]
    public void More_scores_than_examples_are_none()
    {
        MergeTask[] tasks = Tasks(3);
        int[][] clusters = [[0, 1], [2]];
        int[] first = [0, 0, 1];
        ScoreFile damaged = new(null, "");
        damaged.Put("examples of 0 by 0,1", [.. Enumerable.Repeat(1.0, 9)]);
        damaged.Put("examples of 0 by 2", [.. Enumerable.Repeat(1e-9, 9)]);
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        Assert.Equal(Costs(new(null, "")), Costs(damaged));

        double[,] Costs(ScoreFile scores)
        {
            using ExampleScores found = new(_model, tasks, members => Average(tasks, members), scores);
            return found.Of(clusters, first, "", null, patience.Token);
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 4)]
    [InlineData(2, 4)]
    [InlineData(4, 4)]
    public void Every_number_of_clusters_is_found_and_found_again_from_the_file(int clusters, int count)
    {
        MergeTask[] tasks = Tasks(count);
        string path = _folder["scores.json"], identity = ScoreFile.IdentityOf(_model, tasks, [], 2);
        ClusterResult found = Find();
        Assert.Equal(clusters, found.Assigned.Distinct().Count());
        DateTime written = File.GetLastWriteTimeUtc(path);
        ClusterResult again = Find();
        Assert.Equal((Assignment.KeyOf(found.Assigned), found.Score), (Assignment.KeyOf(again.Assigned), again.Score));
        // Nothing was scored anew.
        Assert.Equal(written, File.GetLastWriteTimeUtc(path));

        ClusterResult Find()
        {
            using TaskClusters search = new(_model, tasks, 2, new(path, identity));
            return search.Find(clusters, 2, 0, null, default);
        }
    }

    [Fact]
    public void A_search_that_is_cancelled_keeps_what_it_scored()
    {
        MergeTask[] tasks = Tasks(4);
        string path = _folder["scores.json"], identity = ScoreFile.IdentityOf(_model, tasks, [], 2);
        using CancellationTokenSource source = new();
        using (TaskClusters search = new(_model, tasks, 2, new(path, identity)))
        {
            StopAt stop = new(source);
            Assert.ThrowsAny<OperationCanceledException>(() => search.Find(2, 3, 0, stop, source.Token));
        }
        Assert.True(new ScoreFile(path, identity).Count > 0);
    }

    [Fact]
    public void A_shared_file_of_hydraopt_gives_what_it_was_made_of()
    {
        MergeTask[] tasks = Tasks(3);
        HydraOpt hydra = new(_model, tasks);
        hydra.Prepare(null, default);
        HydraResult half = hydra.Share(0.5), all = hydra.Share(1);
        Assert.InRange(half.Storage, 0.2, 0.5);
        Assert.Equal(1, all.Storage, 1e-9);
        using TextScorer scorer = new(_model);
        using HeldAdapter own = scorer.Hold(tasks[1].Adapter), kept = scorer.Hold(all.Adapters[1]);
        double[][] sums = scorer.Score([new(tasks[1].Examples, own), new(tasks[1].Examples, kept)], "", null, default);
        Assert.Equal(sums[0].Sum(), sums[1].Sum(), 1e-6);
    }

    private static LoraAdapter Average(MergeTask[] tasks, int[] members) =>
        AdapterMerge.Average("merge", [.. members.Select(i => tasks[i].Adapter)], [.. members.Select(_ => 1.0 / members.Length)], 4);

    private MergeTask[] Tasks(int count) => [.. Enumerable.Range(0, count).Select(i => new MergeTask(RandomAdapter.Of(_model.Config, 2, i + 1, $"t{i}"),
        [.. Enumerable.Range(0, 5).Select(text => new MergeText(TinyModel.Tokens(3 + 7 * text + i, seed: 10 * i + text), 1 + text % 2))]))];

    private string Write(MergeTask task)
    {
        string path = _folder[$"{task.Name}.gguf"];
        new LoraWriter(_model.Config, Quant.BlockFormat.Of(Quant.GgmlType.F32)).WriteGguf(task.Adapter, path);
        return path;
    }

    private sealed class StopAt(CancellationTokenSource source) : IProgress<WorkProgress>
    {
        private int _reports;

        public void Report(WorkProgress value)
        {
            // Beyond the products and the first scores.
            if (value.Unit == "scores" && ++_reports == 2)
                source.Cancel();
        }
    }
}
