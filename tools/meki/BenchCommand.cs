using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using MeKi.Kernels.KeyValues;
using MeKi.Kernels.Processors;
using MeKi.Model;
using MeKi.Model.Evaluation;
using MeKi.Tool.Benchmarking;
using MeKi.Tool.Rows;

namespace MeKi.Tool;

/// <summary><c>meki bench</c>: prefill and decode speed in the terms of llama-bench, with bytes, bandwidth, memory and row waits.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        Option<string?> model = new("--model", "-m") { Description = "The model. Default: the demo model." };
        Option<int[]> prompts = Numbers("--n-prompt", "-p", "Tokens of a prefill.", 0, 512);
        Option<int[]> generated = Numbers("--n-gen", "-n", "Tokens of a decode.", 0, 128);
        Option<int[]> depths = Numbers("--n-depth", "-d", "Tokens already in the KV cache.", 0, 0);
        Option<int[]> threads = Numbers("--threads", "-t", "Threads that compute.", 1, ProcessorTopology.PerformanceCores());
        Option<int> repetitions = new("--repetitions", "-r") { Description = "Timed runs of each test, after one that is not counted.", DefaultValueFactory = _ => 5 };
        Option<bool> withoutMeKi = new("--no-meki") { Description = "Leave the MeKi branch out: the same weights, no rows." };
        Option<bool> cold = new("--cold") { Description = "Evict the row file from the page cache before each run." };
        Option<double?> pace = new("--pace") { Description = "Decode so many tokens a second, plus the time spent waiting for rows: a slower machine." };
        RowOptions rows = new();
        CacheOptions cache = new();
        Option<string> format = new("--output", "-o") { Description = "How to print the results.", DefaultValueFactory = _ => BenchmarkReport.Formats[0] };
        format.AcceptOnlyFromAmong(BenchmarkReport.Formats);
        Command command = new("bench", "Measure prefill and decode speed. Options with numbers take several: -p 128,512.")
        {
            model, prompts, generated, depths, threads, repetitions, withoutMeKi, cold, pace, format,
        };
        rows.AddWithStorageTo(command);
        cache.AddTo(command);
        command.SetAction((parsed, cancellation) => Task.Run(() =>
        {
            int runs = parsed.GetValue(repetitions);
            if (runs < 1)
                throw new ArgumentException($"{runs} repetitions measure nothing; give --repetitions 1 or more.");
            List<BenchmarkCase> cases = BenchmarkCase.Combine(
                parsed.GetRequiredValue(prompts), parsed.GetRequiredValue(generated), parsed.GetRequiredValue(depths), parsed.GetRequiredValue(threads));
            if (parsed.GetValue(pace) is <= 0)
                throw new ArgumentException("--pace takes tokens per second, more than 0.");
            LoadOptions load = cache.Apply(parsed, new() { WithoutMeKi = parsed.GetValue(withoutMeKi), Rows = rows.Of(parsed) });
            using BenchmarkRun run = new(parsed.GetValue(model) ?? DemoModel.Find(), load, runs, parsed.GetValue(cold), parsed.GetValue(pace));
            string[] variant =
            [
                .. load.WithoutMeKi ? ["no meki"] : Array.Empty<string>(), .. parsed.GetValue(cold) ? ["cold"] : Array.Empty<string>(), .. rows.Describe(parsed),
                .. parsed.GetValue(pace) is { } rate ? [string.Create(CultureInfo.InvariantCulture, $"pace {rate}")] : Array.Empty<string>(),
                .. (load.KeyFormat, load.ValueFormat) == (KeyValueFormat.F16, KeyValueFormat.F16) ? Array.Empty<string>() : [$"KV {load.KeyFormat}/{load.ValueFormat}"],
            ];
            List<BenchmarkResult> results = Measure(run, cases, runs, cancellation);
            Console.Out.Write(new BenchmarkReport(parsed.GetValue(model) ?? DemoModel.Find(), string.Join(", ", variant)).Write(results, parsed.GetRequiredValue(format)));
        }, CancellationToken.None));
        return command;
    }

    private static List<BenchmarkResult> Measure(BenchmarkRun run, List<BenchmarkCase> cases, int repetitions, CancellationToken cancellation)
    {
        using StageProgress progress = new();
        int done = 0, total = cases.Count * (repetitions + 1);
        List<BenchmarkResult> results = [];
        foreach (IGrouping<int, BenchmarkCase> group in cases.GroupBy(item => item.Threads))
            results.AddRange(run.Run(group.Key, [.. group], () => progress.Report(new EvaluationProgress("bench", ++done, total, "runs")), cancellation));
        return results;
    }

    private static Option<int[]> Numbers(string name, string alias, string description, int least, int fallback) => new(name, alias)
    {
        Description = description,
        DefaultValueFactory = _ => [fallback],
        CustomParser = argument => Parse(argument, name, least),
        AllowMultipleArgumentsPerToken = true,
    };

    private static int[] Parse(ArgumentResult argument, string name, int least)
    {
        List<int> numbers = [];
        foreach (string part in argument.Tokens.SelectMany(token => token.Value.Split(',')))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < least)
            {
                argument.AddError($"{name}: '{part}' is not a whole number from {least} on.");
                return [];
            }
            numbers.Add(number);
        }
        return [.. numbers];
    }
}
