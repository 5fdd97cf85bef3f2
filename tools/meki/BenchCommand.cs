using System.CommandLine;
using System.Globalization;
using MeKi.Kernels;
using MeKi.Kernels.Processors;
using MeKi.Model;
using MeKi.Tool.Benchmarking;
using MeKi.Tool.Rows;

namespace MeKi.Tool;

/// <summary><c>meki bench</c>: prefill and decode speed in the terms of llama-bench, with bytes, bandwidth, memory and row waits.</summary>
internal static class BenchCommand
{
    private const int MostTokens = 1 << 24;

    public static Command Create()
    {
        Option<string?> model = DemoModel.Option();
        Option<int[]> prompts = List("--n-prompt", "-p", "Tokens of a prefill.", 0, MostTokens, 512);
        Option<int[]> generated = List("--n-gen", "-n", "Tokens of a decode.", 0, MostTokens, 128);
        Option<int[]> depths = List("--n-depth", "-d", "Tokens already in the KV cache.", 0, MostTokens, 0);
        Option<int[]> threads = List("--threads", "-t", "Threads that compute.", 1, ComputePool.MaxThreads, ProcessorTopology.PerformanceCores());
        NumberOption<double> memory = Numbers.MaxMemory();
        NumberOption<int> repetitions = new("--repetitions", ["-r"], "Timed runs of each test, after one that is not counted.", 1, 10_000, 5);
        Option<bool> withoutMeKi = new("--no-meki") { Description = "Leave the MeKi branch out: the same weights, no rows." };
        Option<bool> cold = new("--cold") { Description = "Evict the row file from the page cache before each run." };
        NumberOption<double> pace = new("--pace", [], "Decode so many tokens a second, plus the time spent waiting for rows: a slower machine.", 0.001, 1e6);
        RowOptions rows = new();
        CacheOptions cache = new();
        AdapterFlags adapters = new();
        Option<string> format = new("--output", "-o")
        {
            Description = $"How to print the results: {string.Join(", ", BenchmarkReport.Formats)}.",
            HelpName = "FORMAT",
            DefaultValueFactory = _ => BenchmarkReport.Formats[0],
        };
        format.AcceptOnlyFromAmong(BenchmarkReport.Formats);
        Command command = new("bench", "Measure prefill and decode speed. Options with numbers take several: -p 128,512.")
        {
            model, prompts, generated, depths, threads, repetitions, withoutMeKi, cold, pace, format, memory,
        };
        rows.AddWithStorageTo(command);
        cache.AddTo(command);
        adapters.AddTo(command);
        command.SetAction((parsed, cancellation) => Task.Run(() =>
        {
            int runs = repetitions.Of(parsed);
            List<BenchmarkCase> cases = BenchmarkCase.Combine(
                parsed.GetRequiredValue(prompts), parsed.GetRequiredValue(generated), parsed.GetRequiredValue(depths), parsed.GetRequiredValue(threads));
            LoadOptions load =
                adapters.Apply(parsed, cache.Apply(parsed,
                    new() { WithoutMeKi = parsed.GetValue(withoutMeKi), Rows = rows.Of(parsed), MaxMemory = memory.Bytes(parsed) }));
            using BenchmarkRun run = new(parsed.GetValue(model) ?? DemoModel.Find(), load, runs, parsed.GetValue(cold), parsed.GetValue(pace));
            string[] variant =
            [
                .. load.WithoutMeKi ? ["no meki"] : Array.Empty<string>(), .. parsed.GetValue(cold) ? ["cold"]
                    : Array.Empty<string>(), .. rows.Describe(parsed),
                .. parsed.GetValue(pace) is { } rate ? [string.Create(CultureInfo.InvariantCulture, $"pace {rate}")] : Array.Empty<string>(),
                .. (load.KeyFormat, load.ValueFormat) == (KvFormat.F16, KvFormat.F16) ? Array.Empty<string>() : [$"KV {load.KeyFormat}/{load.ValueFormat}"],
                .. load.Adapters.Count > 0 ? [$"adapters {string.Join("+", load.Adapters.Select(adapter => Path.GetFileName(adapter.Name)))}"]
                    : Array.Empty<string>(),
            ];
            List<BenchmarkResult> results = Measure(run, cases, runs, cancellation);
            Console.Out.Write(new BenchmarkReport(parsed.GetValue(model) ?? DemoModel.Find(), string.Join(", ", variant))
                .Write(results, parsed.GetRequiredValue(format)));
        }, CancellationToken.None));
        return command;
    }

    private static List<BenchmarkResult> Measure(BenchmarkRun run, List<BenchmarkCase> cases, int repetitions, CancellationToken cancellation)
    {
        using StageProgress progress = new();
        int done = 0, total = cases.Count * (repetitions + 1);
        List<BenchmarkResult> results = [];
        foreach (IGrouping<int, BenchmarkCase> group in cases.GroupBy(item => item.Threads))
            results.AddRange(run.Run(group.Key, [.. group], () => progress.Report(new("bench", ++done, total, "runs")), cancellation));
        return results;
    }

    private static Option<int[]> List(string name, string alias, string description, int least, int most, int fallback)
    {
        Option<int[]> option = Numbers.List(name, [alias], description, least, most);
        option.DefaultValueFactory = _ => [fallback];
        return option;
    }
}
