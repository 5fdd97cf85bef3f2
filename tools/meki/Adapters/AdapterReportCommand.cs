using System.CommandLine;
using MeKi.Model;
using MeKi.Model.Adapters.Merging;

namespace MeKi.Tool.Adapters;

/// <summary><c>meki adapter report</c>: storage against quality of all ways to merge adapters.</summary>
internal static class AdapterReportCommand
{
    private static readonly int[] s_storages = [14, 28, 30, 42, 52, 57, 70, 85];
    private static readonly double[] s_partStorages = [0.30, 0.57];
    private static readonly int[] s_clusters = [2, 3, 4, 6];

    public static Command Create()
    {
        Argument<string[]> adapters = TaskAdapters.Argument();
        Option<string?> model = DemoModel.Option();
        Option<string> examples = TaskAdapters.Examples(), tests = new("--test")
        {
            Description = "The file of each task's texts to judge by, where --examples has its own.",
            HelpName = "FILE",
            DefaultValueFactory = _ => "test.jsonl",
        };
        Option<string?> plot = new("--plot") { Description = "Also draw storage against quality to this .svg file.", HelpName = "FILE" };
        Option<string?> scores = new("--scores")
        {
            Description = "Keep what was scored in this .json file: an interrupted report goes on from it.",
            HelpName = "FILE",
        };
        Option<bool> parts = new("--parts") { Description = "Also HydraOpt without each of its parts, at 30 and 57 %." };
        Option<int[]> storages = Numbers.List("--storage", [], "Storages of HydraOpt in percent of the adapters' own.", 1, 100),
            clusters = Numbers.List("--clusters", ["-k"], "Numbers of clusters of D2C; 0 for none.", 0, 1 << 12);
        NumberOption<int> starts = new("--starts", [], "Starts of D2C.", 1, 1 << 10, 4),
            seed = new("--seed", ["-s"], "Chooses random numbers.", int.MinValue, int.MaxValue, 0),
            limit = new("--limit", [], "Judge by the first so many texts of each task.", 1, int.MaxValue),
            tokens = TaskAdapters.Tokens(), threads = Numbers.Threads();
        NumberOption<double> memory = Numbers.MaxMemory();
        Command command = new("report", "Print what merging adapters saves and costs, over the whole dial.")
        {
            adapters, model, storages, clusters, starts, seed, examples, tests, limit, tokens, parts, scores, plot, threads, memory,
        };
        command.SetAction((parsed, cancellation) => Task.Run(() =>
        {
            string path = parsed.GetValue(model) ?? DemoModel.Find();
            using MeKiModel loaded = ModelLoading.Load(path, new() { Threads = parsed.GetValue(threads), MaxMemory = memory.Bytes(parsed) });
            using TaskAdapters opened = TaskAdapters.Open(parsed.GetRequiredValue(adapters), loaded.Config);
            List<MergeTask> tasks = opened.Tasks(loaded, parsed.GetRequiredValue(examples), tokens.Of(parsed));
            List<IReadOnlyList<MergeText>> judged = [.. Enumerable.Range(0, tasks.Count).Select(i => (IReadOnlyList<MergeText>)
                [.. opened.Texts(i, loaded, parsed.GetRequiredValue(tests), tokens.Of(parsed)).Take(parsed.GetValue(limit) ?? int.MaxValue)])];
            int[] shares = parsed.GetValue(storages) is { Length: > 0 } some ? some : s_storages;
            int[] counts = parsed.GetValue(clusters) is { Length: > 0 } few ? few : s_clusters;
            IReadOnlyList<ReportRow> rows;
            using (StageProgress progress = new())
            {
                using AdapterReport report = new(loaded, tasks, judged, parsed.GetValue(scores), progress, cancellation);
                report.Merges();
                report.Hydra(new(), [.. shares.Select(share => share / 100.0)]);
                foreach (HydraParts less in parsed.GetValue(parts) ? HydraParts.WithoutOne : [])
                    report.Hydra(less, s_partStorages);
                report.Clusters([.. counts.Where(count => count > 0 && count <= tasks.Count)], starts.Of(parsed), seed.Of(parsed));
                rows = report.Rows;
            }
            Print(rows);
            if (parsed.GetValue(plot) is { } file)
                StoragePlot.Write(file, rows);
        }, CancellationToken.None));
        return command;
    }

    private static void Print(IReadOnlyList<ReportRow> rows)
    {
        ResultTable table = new(false, true, true, true, true);
        table.Add("method", "storage", "gain kept %", "worst task %", "mean NLL");
        foreach (ReportRow row in rows)
        {
            table.Add(row.Method, ResultTable.Number(row.Storage, "f3"), ResultTable.Number(100 * row.Kept, "f1"), ResultTable.Number(100 * row.Worst, "f1"),
                ResultTable.Number(row.Nll, "f3"));
        }
        table.Write(Console.Out);
    }
}
