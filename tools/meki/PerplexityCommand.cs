using System.CommandLine;
using MeKi.Model;
using MeKi.Model.Evaluation;

namespace MeKi.Tool;

/// <summary><c>meki perplexity --file TEXT</c>: perplexity of a text as llama.cpp's <c>llama-perplexity</c> defines it.</summary>
internal static class PerplexityCommand
{
    private const int MostTokens = 1 << 24;

    /// <summary>The option that says how long a window is.</summary>
    public static NumberOption<int> Window() =>
        new("--window", ["-c"], "Tokens of a window; its second half is scored.", 2, MostTokens, Perplexity.DefaultWindow);

    public static Command Create()
    {
        Option<string?> model = DemoModel.Option();
        Option<string> file = new("--file", "-f") { Description = "The text, UTF-8.", HelpName = "FILE", Required = true };
        NumberOption<int> window = Window();
        NumberOption<int> stride = new("--stride", [],
            "Begin a window every so many tokens and score its last so many. Default: windows one after the other.", 1, MostTokens);
        NumberOption<int> threads = Numbers.Threads();
        NumberOption<double> memory = Numbers.MaxMemory();
        CacheOptions cache = new();
        AdapterFlags adapters = new();
        Command command = new("perplexity", "Measure how well a model predicts a text, as llama-perplexity does.") 
        {
            model, file, window, stride, threads, memory,
        };
        cache.AddTo(command);
        adapters.AddTo(command);
        command.SetAction((parsed, cancellation) => Task.Run(() => Measure(
            parsed.GetValue(model) ?? DemoModel.Find(), parsed.GetRequiredValue(file), window.Of(parsed), parsed.GetValue(stride),
            adapters.Apply(parsed, cache.Apply(parsed, new() { Threads = parsed.GetValue(threads), MaxMemory = memory.Bytes(parsed) })), cancellation),
            CancellationToken.None));
        return command;
    }

    private static void Measure(string path, string file, int window, int? stride, LoadOptions load, CancellationToken cancellation)
    {
        EvaluationText text = EvaluationText.Read(file);
        using MeKiModel model = ModelLoading.Load(path, load);
        PerplexityResult result;
        using (StageProgress progress = new())
            result = Perplexity.Measure(model, text, window, stride, progress, cancellation);
        ResultTable table = new(false, true, true, false);
        table.Add("", "value", "std error", "");
        table.Add("perplexity", ResultTable.Number(result.Perplexity, "f4"), ResultTable.Number(result.StandardError, "f4"), "");
        table.Add("mean NLL", ResultTable.Number(result.NegativeLogLikelihood.Mean, "f6"), ResultTable.Number(result.NegativeLogLikelihood.StandardError, "f6"),
            "nats per token");
        table.Add("scored", ResultTable.Number(result.Tokens, "n0"), "", "tokens");
        table.Add("windows", ResultTable.Number(result.Windows, "n0"), "", $"of {window} tokens");
        table.Write(Console.Out);
    }
}
