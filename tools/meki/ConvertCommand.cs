using System.CommandLine;
using System.Globalization;
using MeKi.Model.Conversion;
using MeKi.Quant;

namespace MeKi.Tool;

/// <summary>
/// <c>meki convert CHECKPOINT -o DIR</c>: folds a checkpoint, or the rows of a GGUF file, and writes <c>model.gguf</c> and <c>model.rows</c>.
/// </summary>
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

    /// <summary>The option that names the folder to write.</summary>
    internal static Option<string> Output() => new("--output", "-o")
    {
        Description = "The folder that receives model.gguf and model.rows.",
        HelpName = "FOLDER",
        Required = true,
    };

    /// <summary>The option that chooses among <see cref="WeightTypes"/>.</summary>
    internal static Option<string> WeightType(string description = "Type of the weights", string? fallback = "q8_0") =>
        Choice("--type", description, WeightTypes.Keys, fallback);

    /// <summary>The option that chooses among <see cref="RowTypes"/>.</summary>
    internal static Option<string> Rows(string description = "Type of the rows", string? fallback = "int8") =>
        Choice("--rows", description, RowTypes.Keys, fallback);

    public static Command Create()
    {
        Argument<string> checkpoint = new("checkpoint")
        {
            Description = "A Hugging Face folder: config.json, safetensors, tokenizer.json. Or a GGUF file with per-layer inputs (Gemma 3n and 4).",
        };
        Option<string> output = Output();
        Option<string> type = WeightType("Type of the weights; without it q8_0, and of a GGUF file its own", null);
        Option<string> rows = Rows("Type of the rows; without it int8, but a folder of Gemma becomes a plain GGUF file", null);
        (type.Required, rows.Required) = (false, false);
        Command command = new("convert", "Convert a checkpoint to a model file and a row file.") { checkpoint, output, type, rows };
        command.SetAction((parsed, cancellation) => Task.Run(() => Convert(
            parsed.GetRequiredValue(checkpoint), parsed.GetRequiredValue(output),
            new()
            {
                WeightType = parsed.GetValue(type) is { } name ? WeightTypes[name] : null,
                RowType = parsed.GetValue(rows) is { } rowType ? RowTypes[rowType] : null,
            }, cancellation), CancellationToken.None));
        return command;
    }

    private static Option<string> Choice(string name, string description, IEnumerable<string> names, string? fallback)
    {
        Option<string> option = new(name) { Description = $"{description}: {string.Join(", ", names)}.", HelpName = "TYPE", Required = fallback is null };
        if (fallback is not null)
            option.DefaultValueFactory = _ => fallback;
        option.AcceptOnlyFromAmong([.. names]);
        return option;
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
