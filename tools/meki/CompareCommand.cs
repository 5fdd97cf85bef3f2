using System.CommandLine;
using MeKi.Model;
using MeKi.Model.Evaluation;

namespace MeKi.Tool;

/// <summary><c>meki compare A B --file TEXT</c>: how far B's predictions lie from A's.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        Argument<string> reference = new("A") { Description =
            "The model that counts as right: a folder that 'meki convert' wrote, a .gguf file or a Hugging Face checkpoint." };
        Argument<string> candidate = new("B") { Description = "The model to compare with it, of the same vocabulary." };
        Option<string> file = new("--file", "-f") { Description = "The text, UTF-8.", HelpName = "FILE", Required = true };
        NumberOption<int> window = PerplexityCommand.Window();
        NumberOption<int> threads = Numbers.Threads();
        NumberOption<double> memory = Numbers.MaxMemory();
        Command command = new("compare", "Measure how far a model's predictions lie from another's on a text.") 
        {
            reference, candidate, file, window, threads, memory,
        };
        command.SetAction((parsed, cancellation) => Task.Run(() => Compare(
            parsed.GetRequiredValue(reference), parsed.GetRequiredValue(candidate), parsed.GetRequiredValue(file), window.Of(parsed),
            new() { Threads = parsed.GetValue(threads), MaxMemory = memory.Bytes(parsed) }, cancellation), CancellationToken.None));
        return command;
    }

    private static void Compare(string reference, string candidate, string file, int window, LoadOptions load, CancellationToken cancellation)
    {
        EvaluationText text = EvaluationText.Read(file);
        using MeKiModel a = ModelLoading.Load(reference, load), b = ModelLoading.Load(candidate, load);
        ComparisonResult result;
        using (StageProgress progress = new())
            result = ModelComparison.Compare(a, b, text, window, progress, cancellation);
        ResultTable table = new(false, true, true, false);
        table.Add("", "value", "std error", "");
        table.Add("KL(A||B) mean", ResultTable.Number(result.KlDivergence.Mean, "f9"), ResultTable.Number(result.KlDivergence.StandardError, "f9"), "nats");
        table.Add("KL(A||B) 99 %", ResultTable.Number(result.KlPercentile99, "f9"), "", "nats");
        table.Add("KL(A||B) max", ResultTable.Number(result.KlMaximum, "f9"), "", "nats");
        table.Add("same top token", ResultTable.Number(100 * result.TopAgreement.Mean, "f3"), ResultTable.Number(100 * result.TopAgreement.StandardError, "f3"),
            "%");
        table.Add("logit difference", ResultTable.Number(result.LogitRms, "f6"), "", "RMS");
        table.Add("perplexity of A", ResultTable.Number(result.Reference.Perplexity, "f4"), ResultTable.Number(result.Reference.StandardError, "f4"), "");
        table.Add("perplexity of B", ResultTable.Number(result.Candidate.Perplexity, "f4"), ResultTable.Number(result.Candidate.StandardError, "f4"), "");
        table.Add("scored", ResultTable.Number(result.Reference.Tokens, "n0"), "", "tokens");
        table.Add("windows", ResultTable.Number(result.Reference.Windows, "n0"), "", $"of {window} tokens");
        table.Write(Console.Out);
    }
}
