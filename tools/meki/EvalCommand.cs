using System.CommandLine;
using MeKi.Model;
using MeKi.Model.Evaluation;

namespace MeKi.Tool;

/// <summary><c>meki eval TASK=FILE …</c>: zero-shot tasks, asked and scored as lm-evaluation-harness does.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        Argument<string[]> tasks = new("tasks")
        {
            Description = $"A task and its file, which has a JSON object a line. Tasks: {string.Join(", ", EvaluationTask.All.Select(task => task.Name))}.",
            HelpName = "TASK=FILE",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string?> model = DemoModel.Option();
        NumberOption<int> limit = new("--limit", [], "Ask only the first so many questions of each task.", 1, int.MaxValue);
        NumberOption<int> threads = Numbers.Threads();
        NumberOption<double> memory = Numbers.MaxMemory();
        AdapterFlags adapters = new();
        Command command = new("eval", "Measure a model in zero-shot tasks, as lm-evaluation-harness does.") { tasks, model, limit, threads, memory };
        adapters.AddTo(command);
        command.SetAction((parsed, cancellation) => Task.Run(() => Evaluate(
            parsed.GetRequiredValue(tasks), parsed.GetValue(model) ?? DemoModel.Find(), parsed.GetValue(limit),
            adapters.Apply(parsed, new() { Threads = parsed.GetValue(threads), MaxMemory = memory.Bytes(parsed) }), cancellation), CancellationToken.None));
        return command;
    }

    private static void Evaluate(string[] tasks, string path, int? limit, LoadOptions load, CancellationToken cancellation)
    {
        // Names are checked before hours are spent on the first task.
        (EvaluationTask Task, string File)[] pairs = [.. tasks.Select(Split)];
        using MeKiModel model = ModelLoading.Load(path, load);
        List<TaskResult> results = [];
        using (StageProgress progress = new())
        {
            foreach ((EvaluationTask task, string file) in pairs)
                results.Add(task.Evaluate(model, file, limit, progress, cancellation));
        }
        ResultTable table = new(false, true, true, true, true, true, true);
        table.Add("task", "questions", "acc %", "std error", "acc_norm %", "std error", "perplexity");
        foreach (TaskResult result in results)
        {
            table.Add(
                result.Task, ResultTable.Number(result.Questions, "n0"), Percent(result.Accuracy.Mean), Percent(result.Accuracy.StandardError),
                Percent(result.NormalizedAccuracy?.Mean), Percent(result.NormalizedAccuracy?.StandardError),
                    ResultTable.Number(result.Perplexity ?? double.NaN, "f3"));
        }
        if (results.Count > 1)
            table.Add("mean", "", Percent(results.Average(result => result.Accuracy.Mean)), "", "", "", "");
        table.Write(Console.Out);
    }

    private static (EvaluationTask Task, string File) Split(string pair)
    {
        int equals = pair.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0 || equals == pair.Length - 1)
            throw new ArgumentException($"'{pair}' is not TASK=FILE.");
        string file = pair[(equals + 1)..];
        return (EvaluationTask.Find(pair[..equals]), File.Exists(file) ? file : throw new EvaluationException(file, "", "there is no such file"));
    }

    private static string Percent(double? share) => ResultTable.Number(100 * share ?? double.NaN, "f2");
}
