using System.CommandLine;
using System.Globalization;
using MeKi.Model.Conversion;
using MeKi.Quant;

namespace MeKi.Tool;

/// <summary><c>meki convert CHECKPOINT -o DIR</c>: folds a checkpoint and writes <c>model.gguf</c> and <c>model.rows</c>.</summary>
internal static class ConvertCommand
{
    internal static readonly Dictionary<string, WeightRecipe> WeightTypes = WeightRecipe.All.ToDictionary(recipe => recipe.Name);
    internal static readonly Dictionary<string, RowType> RowTypes = Enum.GetValues<RowType>().ToDictionary(type => type.ToString().ToLowerInvariant());

    internal static void Report(ConversionResult result)
    {
        ModelLoading.Warn(result.Warnings);
        Report(result.ModelPath, result.ModelBytes);
        if (result.RowsPath is not null)
            Report(result.RowsPath, result.RowsBytes);
        Console.Out.WriteLine($"identity {result.Identity}");
    }

    public static Command Create()
    {
        Argument<string> checkpoint = new("checkpoint") { Description = "A Hugging Face folder: config.json, safetensors, tokenizer.json." };
        Option<string> output = new("--output", "-o") { Description = "The folder that receives model.gguf and model.rows.", Required = true };
        Option<string> type = new("--type") { Description = "Type of the weights.", DefaultValueFactory = _ => "q8_0" };
        Option<string> rows = new("--rows") { Description = "Type of the expert rows.", DefaultValueFactory = _ => "int8" };
        type.AcceptOnlyFromAmong([.. WeightTypes.Keys]);
        rows.AcceptOnlyFromAmong([.. RowTypes.Keys]);
        Command command = new("convert", "Convert a checkpoint to a model file and a row file.") { checkpoint, output, type, rows };
        command.SetAction((parsed, cancellation) => Task.Run(() => Convert(
            parsed.GetRequiredValue(checkpoint), parsed.GetRequiredValue(output),
            new() { WeightType = WeightTypes[parsed.GetRequiredValue(type)], RowType = RowTypes[parsed.GetRequiredValue(rows)] }, cancellation), CancellationToken.None));
        return command;
    }

    private static void Convert(string checkpoint, string folder, ConverterOptions options, CancellationToken cancellation)
    {
        ConversionResult result;
        using (StageProgress progress = new())
            result = Converter.Convert(checkpoint, folder, options, progress, cancellation);
        Report(result);
    }

    internal static void Report(string path, long bytes) => Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}  {bytes:n0} bytes"));
}
