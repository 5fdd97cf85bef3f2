using MeKi.Tests;

namespace MeKi.Tool.Tests;

/// <summary>A failure of the evaluating commands is one line on standard error and an exit code; a result is a table on standard output.</summary>
[Collection("console")]
public class EvaluationCommandTests
{
    private static readonly string Tasks = Path.Combine(SharedMaterial.Repository, "tests", "Model.Tests", "Evaluation", "tasks");
    private static readonly string Model = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    [Theory]
    [InlineData(1, "there is no task 'mmlu'. Known are ", "eval", "mmlu={tasks}/piqa.jsonl")]
    [InlineData(1, "none.jsonl: there is no such file.", "eval", "piqa=none.jsonl")]
    [InlineData(1, "'piqa' is not TASK=FILE.", "eval", "piqa")]
    [InlineData(1, "line 1: field 'goal' is missing.", "eval", "piqa={tasks}/copa.jsonl", "-m", "{model}")]
    [InlineData(1, "none.txt: there is no such file.", "perplexity", "--file", "none.txt")]
    [InlineData(1, "tokens where windows of 400 need at least 400.", "perplexity", "--file", "{tasks}/copa.jsonl", "--window", "400", "-m", "{model}")]
    [InlineData(1, "A stride of 9 is not possible", "perplexity", "--file", "{tasks}/copa.jsonl", "--window", "9", "--stride", "9", "-m", "{model}")]
    [InlineData(1, "none: there is no such file or folder.", "compare", "{model}", "none", "--file", "{tasks}/copa.jsonl")]
    [InlineData(2, "'--file' is required", "compare", "{model}", "{model}")]
    public async Task A_failure_is_one_line(int code, string message, params string[] args)
    {
        (int exit, string output, string error) = await RunAsync(args);
        Assert.Equal(code, exit);
        Assert.Equal("", output);
        Assert.StartsWith("meki: ", error);
        Assert.Contains(message, error);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Results_are_a_table()
    {
        (int exit, string output, string error) =
            await RunAsync(["eval", "piqa={tasks}/piqa.jsonl", "copa={tasks}/copa.jsonl", "-m", "{model}", "--limit", "2"]);
        Assert.Equal(0, exit);
        string[] lines = output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["task", "piqa", "copa", "mean"], lines.Select(line => line.Split(' ')[0]));
        Assert.Contains("100 % of 2 questions", error);

        (exit, output, _) = await RunAsync(["compare", "{model}", "{model}", "--file", "{tasks}/copa.jsonl", "--window", "50"]);
        Assert.Equal(0, exit);
        Assert.Matches(@"(?m)^same top token +100\.000 +0\.000 +%\r?$", output);
    }

    private static async Task<(int Exit, string Output, string Error)> RunAsync(string[] args)
    {
        ProgramResult run = await ConsoleProgram.Run(
            [.. args.Select(arg => arg.Replace("{tasks}", Tasks, StringComparison.Ordinal).Replace("{model}", Model, StringComparison.Ordinal))]);
        return (run.ExitCode, run.Output, string.Join(Environment.NewLine, run.Errors));
    }
}
