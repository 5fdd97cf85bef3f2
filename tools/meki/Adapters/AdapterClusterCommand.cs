using System.CommandLine;
using MeKi.Model;
using MeKi.Model.Adapters;
using MeKi.Model.Adapters.Merging;

namespace MeKi.Tool.Adapters;

/// <summary><c>meki adapter cluster</c>: few adapters for many tasks.</summary>
internal static class AdapterClusterCommand
{
    public static Command Create()
    {
        Argument<string[]> adapters = TaskAdapters.Argument();
        Option<string?> model = DemoModel.Option();
        Option<string> examples = TaskAdapters.Examples(), type = AdapterCommand.Type(), output = new("--output", "-o")
        {
            Description = "A folder: for each cluster NAME.gguf, tasks.json with each task's adapter, and what an interrupted search goes on from.",
            HelpName = "FOLDER",
            Required = true,
        };
        NumberOption<int> clusters = new("--clusters", ["-k"], "Merged adapters.", 1, 1 << 12) { Required = true };
        NumberOption<int> rank = new("--rank", ["-r"], "Their rank. Default: the largest of the adapters'.", 1, 1 << 12),
            starts = new("--starts", [], "Starts: K-means over the products, then random ones.", 1, 1 << 10, 4),
            seed = new("--seed", ["-s"], "Chooses the random starts.", int.MinValue, int.MaxValue, 0),
            tokens = TaskAdapters.Tokens(), threads = Numbers.Threads();
        NumberOption<double> memory = Numbers.MaxMemory();
        Command command = new("cluster", "Cluster tasks by a few examples of each (D2C), and merge each cluster's adapters.")
        {
            adapters, model, clusters, rank, starts, seed, examples, tokens, output, type, threads, memory,
        };
        command.SetAction((parsed, cancellation) => Task.Run(() =>
        {
            string path = parsed.GetValue(model) ?? DemoModel.Find(), folder = parsed.GetRequiredValue(output);
            using MeKiModel loaded = ModelLoading.Load(path, new() { Threads = parsed.GetValue(threads), MaxMemory = memory.Bytes(parsed) });
            using TaskAdapters opened = TaskAdapters.Open(parsed.GetRequiredValue(adapters), loaded.Config);
            int count = clusters.Of(parsed);
            if (count > opened.Adapters.Count)
                throw new ArgumentException($"{count} clusters of {opened.Adapters.Count} tasks: --clusters takes at most as many as there are tasks.");
            List<MergeTask> tasks = opened.Tasks(loaded, parsed.GetRequiredValue(examples), tokens.Of(parsed));
            int most = parsed.GetValue(rank) ?? AdapterMerge.Rank(opened.Adapters);
            Directory.CreateDirectory(folder);
            ScoreFile scores = new(Path.Combine(folder, "scores.json"), ScoreFile.IdentityOf(loaded, tasks, [], most));
            using TaskClusters search = new(loaded, tasks, most, scores);
            ClusterResult found;
            using (StageProgress progress = new())
                found = search.Find(count, starts.Of(parsed), seed.Of(parsed), progress, cancellation);
            LoraWriter writer = new(loaded.Config, AdapterCommand.Format(parsed.GetRequiredValue(type)));
            SortedDictionary<string, string> map = new(StringComparer.Ordinal);
            for (int cluster = 0; cluster < count; cluster++)
            {
                int[] members = Assignment.Members(found.Assigned, cluster);
                string name = $"cluster-{cluster + 1}";
                writer.WriteGguf(search.Merge(members, name, cancellation), Path.Combine(folder, $"{name}.gguf"));
                foreach (int task in members)
                    map.Add(tasks[task].Name, name);
                Console.Out.WriteLine($"{name}  {string.Join(" ", members.Select(task => tasks[task].Name))}");
            }
            TaskMap.Write(Path.Combine(folder, TaskMap.FileName), map);
            Console.Out.WriteLine($"mean negative log-likelihood of the examples {ResultTable.Number(found.Score, "f3")}");
        }, CancellationToken.None));
        return command;
    }
}
