using System.CommandLine;
using MeKi.Model.Conversion;

namespace MeKi.Tool;

/// <summary><c>meki quantize IN OUT --type TYPE</c>: stores a model's matrices in another format.</summary>
internal static class QuantizeCommand
{
    public static Command Create()
    {
        Argument<string> input = new("input") { Description = "A .gguf file, or a folder with model.gguf and its model.rows." };
        Argument<string> output = new("output") { Description = "A name that ends in .gguf, or a folder that receives model.gguf; rows are copied beside it." };
        Option<string> type = ConvertCommand.WeightType(
            "Type of the weights, for each matrix the format that llama-quantize gives it (q4_k and q5_k as with its --pure)", fallback: null);
        Option<bool> requantize = new("--requantize") { Description = "Allow weights that are quantised already: they lose a second time." };
        Option<bool> panels = new("--panels") { Description =
            "Store a dense model's weights, too, in this engine's own layout: mapped and used as they lie; llama.cpp does not read it." };
        Command command = new("quantize", "Store a model's weights in another format.") { input, output, type, panels, requantize };
        command.SetAction((parsed, cancellation) => Task.Run(() => Quantize(
            parsed.GetRequiredValue(input), parsed.GetRequiredValue(output),
            ConvertCommand.WeightTypes[parsed.GetRequiredValue(type)], parsed.GetValue(requantize), parsed.GetValue(panels), cancellation),
                CancellationToken.None));
        return command;
    }

    private static void Quantize(string input, string output, WeightRecipe recipe, bool requantize, bool panels, CancellationToken cancellation)
    {
        QuantizationResult result;
        using (StageProgress progress = new())
            result = Quantizer.Quantize(input, output, recipe, requantize, panels, progress, cancellation);
        ConvertCommand.Report(result.ModelPath, result.ModelBytes);
        if (result.RowsPath is not null)
            ConvertCommand.Report(result.RowsPath, result.RowsBytes);
    }
}
