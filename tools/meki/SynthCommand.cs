using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using MeKi.Model.Conversion;
using MeKi.Model.Synthesis;

namespace MeKi.Tool;

/// <summary><c>meki synth --shape SHAPE -o DIR</c>: writes a model of random weights, for measurements.</summary>
internal static class SynthCommand
{
    public static Command Create()
    {
        Option<string> shape = new("--shape") { Description = "The model's sizes.", Required = true };
        Option<int> memory = new("--meki") { Description = "Add the MeKi branch with rows of so many values." };
        Option<string> type = new("--type") { Description = "Type of the weights.", DefaultValueFactory = _ => "q8_0" };
        Option<string> rows = new("--rows") { Description = "Type of the expert rows.", DefaultValueFactory = _ => "int8" };
        Option<string> output = new("--output", "-o") { Description = "The folder that receives model.gguf and model.rows.", Required = true };
        Option<int> seed = new("--seed", "-s") { Description = "Chooses the numbers." };
        shape.AcceptOnlyFromAmong([.. SyntheticShape.All.Select(each => each.Name)]);
        type.AcceptOnlyFromAmong([.. ConvertCommand.WeightTypes.Keys]);
        rows.AcceptOnlyFromAmong([.. ConvertCommand.RowTypes.Keys]);
        memory.Validators.Add(CheckRange);
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
                MemoryDimension = parsed.GetValue(memory),
                RowType = ConvertCommand.RowTypes[parsed.GetRequiredValue(rows)],
                Seed = parsed.GetValue(seed),
            }, cancellation), CancellationToken.None));
        return command;
    }

    private static void CheckRange(OptionResult option)
    {
        // What is no number at all has its own message.
        if (int.TryParse(option.Tokens[^1].Value, CultureInfo.InvariantCulture, out int values) && values is < 1 or > SyntheticModel.MaxMemoryDimension)
            option.AddError($"--meki takes a number from 1 to {SyntheticModel.MaxMemoryDimension}, not {values}.");
    }

    private static void Write(SyntheticShape shape, string folder, SyntheticModelOptions options, CancellationToken cancellation)
    {
        ConversionResult result;
        using (StageProgress progress = new())
            result = SyntheticModel.Write(shape, folder, options, progress, cancellation);
        ConvertCommand.Report(result);
    }
}
