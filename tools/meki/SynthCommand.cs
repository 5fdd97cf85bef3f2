using System.CommandLine;
using MeKi.Model.Conversion;
using MeKi.Model.Synthesis;

namespace MeKi.Tool;

/// <summary><c>meki synth --shape SHAPE -o DIR</c>: writes a model of random weights, for measurements.</summary>
internal static class SynthCommand
{
    public static Command Create()
    {
        Option<string> shape = new("--shape")
        {
            Description = $"The model's sizes: {string.Join(", ", SyntheticShape.All.Select(each => each.Name))}.",
            HelpName = "SHAPE",
            Required = true,
        };
        NumberOption<int> memory = new("--meki", [], "Add the MeKi branch with rows of so many values.", 1, SyntheticModel.MaxMemoryDimension);
        Option<string> type = ConvertCommand.WeightType(), rows = ConvertCommand.Rows(), output = ConvertCommand.Output();
        NumberOption<int> seed = new("--seed", ["-s"], "Chooses the numbers.", int.MinValue, int.MaxValue, 0);
        shape.AcceptOnlyFromAmong([.. SyntheticShape.All.Select(each => each.Name)]);
        Command command = new("synth", "Write a model of random weights.") { shape, memory, type, rows, output, seed };
        command.Validators.Add(parsed =>
        {
            if (parsed.GetResult(rows) is { Implicit: false } && parsed.GetResult(memory) is null)
                parsed.AddError("--rows needs --meki: a dense model has no expert rows.");
        });
        command.SetAction((parsed, cancellation) => Task.Run(
            () => Write(SyntheticShape.Of(parsed.GetRequiredValue(shape)), parsed.GetRequiredValue(output), new()
            {
                WeightType = ConvertCommand.WeightTypes[parsed.GetRequiredValue(type)],
                MemoryDimension = parsed.GetValue(memory) ?? 0,
                RowType = ConvertCommand.RowTypes[parsed.GetRequiredValue(rows)],
                Seed = seed.Of(parsed),
            }, cancellation), CancellationToken.None));
        return command;
    }

    private static void Write(SyntheticShape shape, string folder, SyntheticModelOptions options, CancellationToken cancellation)
    {
        ConversionResult result;
        using (StageProgress progress = new())
            result = SyntheticModel.Write(shape, folder, options, progress, cancellation);
        ConvertCommand.Report(result);
    }
}
