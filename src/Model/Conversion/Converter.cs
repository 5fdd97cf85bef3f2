using System.Runtime.ExceptionServices;
using MeKi.Model.Architectures;
using MeKi.Model.Checkpoints;
using MeKi.Model.Gguf;
using MeKi.Model.Layers;
using MeKi.Model.Templates;
using MeKi.Model.Tokenization;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Conversion;

/// <summary>How a checkpoint is converted.</summary>
public sealed record ConverterOptions
{
    /// <summary>Formats of the backbone's matrices. Null for Q8_0, and for those that a GGUF file has.</summary>
    public WeightRecipe? WeightType { get; init; }

    /// <summary>
    /// Type of the rows; null for Int8. A folder whose per-layer inputs are a table and a projection (Gemma 3n and 4) is folded where a type is given, and
    /// becomes a plain GGUF file where none is.
    /// </summary>
    public RowType? RowType { get; init; }
}

/// <summary>What a conversion wrote.</summary>
/// <param name="ModelPath">The model file.</param>
/// <param name="ModelBytes">Its size.</param>
/// <param name="RowsPath">The row file; null for a model without the MeKi branch.</param>
/// <param name="RowsBytes">Its size.</param>
/// <param name="Identity">The identity both carry.</param>
public sealed record ConversionResult(string ModelPath, long ModelBytes, string? RowsPath, long RowsBytes, ModelIdentity Identity)
{
    /// <summary>What a user should know of the checkpoint, one line each; see <see cref="LoadReport.Warnings"/>.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>
/// Converts a Hugging Face checkpoint, or a GGUF file whose per-layer inputs are a table and a projection (Gemma 3n and 4), to the pair <c>model.gguf</c> and
/// <c>model.rows</c> (docs/formats.md, docs/row-files.md): what a token's rows depend on is computed once and for all. The same input gives the same bytes.
/// </summary>
public static class Converter
{
    /// <summary>Converts a checkpoint.</summary>
    /// <param name="checkpoint">The folder with <c>config.json</c>, safetensors and, if there is one, <c>tokenizer.json</c>; or the <c>.gguf</c> file.</param>
    /// <param name="folder">Receives the files; made if absent.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Told how far the work is, from several threads.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <exception cref="ModelFileException">The checkpoint is damaged or unsupported, a weight is not finite, or the output cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    public static ConversionResult Convert(
        string checkpoint, string folder, ConverterOptions? options = null, IProgress<WorkProgress>? progress = null,
            CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(checkpoint);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        try
        {
            return File.Exists(checkpoint) ? GgufConversion.Run(checkpoint, folder, options ?? new(), progress, cancellationToken)
                : ConvertFolder(checkpoint, folder, options ?? new(), progress, cancellationToken);
        }
        catch (AggregateException failures)
        {
            // Of several workers that met damage at once, one is enough to report.
            ExceptionDispatchInfo.Throw(failures.Flatten().InnerExceptions[0]);
            throw;
        }
    }

    private static ConversionResult ConvertFolder(
        string checkpoint, string folder, ConverterOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        using HuggingFaceCheckpoint source = HuggingFaceCheckpoint.Open(checkpoint);
        string tokenizerPath = TokenizerFolder.PathIn(checkpoint);
        Tokenizer? tokenizer = File.Exists(tokenizerPath) ? TokenizerFolder.Load(tokenizerPath) : null;
        tokenizer?.CheckFits(source.Config, source.Path);
        TrainingFormLayer[]? trainingForm = TrainingFormLayer.Load(source, source.Config, null);
        GgufMetadata metadata = new(Path.Combine(folder, ModelFiles.ModelName));
        ModelFolder.RefuseInputs(metadata.Path,
            [.. source.Tensors.Select(tensor => tensor.File.Path).Distinct(), tokenizerPath, Path.Combine(checkpoint, "config.json")]);
        ModelIdentity identity = CheckpointScan.Run(source, progress, cancellationToken);

        bool foldsTable = source.Config.HasTable && options.RowType is not null;
        ModelConfig config = foldsTable ? source.Config.Folded() : source.Config;
        WeightRecipe recipe = options.WeightType ?? WeightRecipe.Of(GgmlType.Q8_0);
        GgufModel.WriteConfig(config, metadata);
        metadata["general.name"] = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(checkpoint)));
        metadata[GgufModel.IdentityKey] = identity.ToString();
        recipe.WriteTo(metadata);
        if (tokenizer is not null)
            GgufTokenizer.Write(tokenizer.Data, metadata);
        ChatTemplateFiles.OfFolder(checkpoint).WriteTo(metadata);

        long written = 0, total = 0;
        GgufWriter writer = new(metadata, new BackboneWriter(source, config, recipe)
            .Tensors(bytes => progress?.Report(new("weights", written += bytes, total))));
        total = writer.Tensors.Sum(tensor => tensor.ByteLength);
        RowFileLayout? layout = trainingForm is null && !foldsTable ? null : Fold.LayoutOf(config, identity, options.RowType ?? Fold.DefaultType);
        using RowTableStore? table = foldsTable ? source.OpenTable(Fold.ReadOnce) : null;
        (long modelBytes, long rowsBytes) = ModelFolder.Write(folder, writer, layout, rows => Fold.Write(source.Path, rows, pool => table is null
            ? new ComputedTokenRows(config, source.Matrix(config.SpecOf(Role.Embedding), 0), trainingForm!, pool)
            : new TableTokenRows(config, RowProjection.Load(source, pool), table, pool), progress, cancellationToken), cancellationToken);
        return new(metadata.Path, modelBytes, layout is null ? null
            : Path.Combine(folder, ModelFiles.RowName), rowsBytes, identity) { Warnings = [.. source.Warnings, .. tokenizer?.Warnings ?? []] };
    }
}
