using System.Runtime.ExceptionServices;
using MeKi.Kernels;
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
    /// <summary>Formats of the backbone's matrices.</summary>
    public WeightRecipe WeightType { get; init; } = WeightRecipe.Of(GgmlType.Q8_0);

    /// <summary>Type of the expert rows.</summary>
    public RowType RowType { get; init; } = RowType.Int8;
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
/// Converts a Hugging Face checkpoint to the pair <c>model.gguf</c> and <c>model.rows</c> (docs/formats.md). The same input gives the same bytes.
/// </summary>
public static class Converter
{
    /// <summary>Converts a checkpoint.</summary>
    /// <param name="checkpoint">The folder with <c>config.json</c>, safetensors and, if there is one, <c>tokenizer.json</c>.</param>
    /// <param name="folder">Receives the files; made if absent.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Told how far the work is, from several threads.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <exception cref="ModelFileException">The checkpoint is damaged or unsupported, a weight is not finite, or the output cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    public static ConversionResult Convert(
        string checkpoint, string folder, ConverterOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(checkpoint);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        try
        {
            return ConvertOnAllCores(checkpoint, folder, options ?? new(), progress, cancellationToken);
        }
        catch (AggregateException failures)
        {
            // Of several workers that met damage at once, one is enough to report.
            ExceptionDispatchInfo.Throw(failures.Flatten().InnerExceptions[0]);
            throw;
        }
    }

    private static ConversionResult ConvertOnAllCores(
        string checkpoint, string folder, ConverterOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        using HuggingFaceCheckpoint source = HuggingFaceCheckpoint.Open(checkpoint);
        string tokenizerPath = Path.Combine(checkpoint, TokenizerJson.FileName);
        Tokenizer? tokenizer = File.Exists(tokenizerPath) ? TokenizerJson.Load(tokenizerPath) : null;
        tokenizer?.CheckFits(source.Config, source.Path);
        TrainingFormLayer[]? trainingForm = TrainingFormLayer.Load(source, source.Config, null);
        GgufMetadata metadata = new(Path.Combine(folder, ModelFiles.ModelName));
        ModelFolder.RefuseInputs(metadata.Path, [.. source.Tensors.Select(tensor => tensor.File.Path).Distinct(), tokenizerPath, Path.Combine(checkpoint, "config.json")]);
        ModelIdentity identity = CheckpointScan.Run(source, progress, cancellationToken);

        GgufModel.WriteConfig(source.Config, metadata);
        metadata["general.name"] = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(checkpoint)));
        metadata[GgufModel.IdentityKey] = identity.ToString();
        options.WeightType.WriteTo(metadata);
        if (tokenizer is not null)
            GgufTokenizer.Write(tokenizer.Data, metadata);
        ChatTemplateFiles.OfFolder(checkpoint).WriteTo(metadata);

        long written = 0, total = 0;
        GgufWriter writer = new(metadata, new BackboneWriter(source, source.Config, options.WeightType)
            .Tensors(bytes => progress?.Report(new("weights", written += bytes, total))));
        total = writer.Tensors.Sum(tensor => tensor.ByteLength);
        RowFileLayout? layout = trainingForm is null ? null : new()
        {
            Identity = identity,
            VocabularySize = source.Config.VocabularySize,
            Layers = source.Config.Layers,
            Dimension = source.Config.MemoryDimension,
            Type = options.RowType,
        };
        (long modelBytes, long rowsBytes) = ModelFolder.Write(folder, writer, layout,
            rows => WriteRows(rows, source, trainingForm!, progress, cancellationToken), cancellationToken);
        return new(metadata.Path, modelBytes, layout is null ? null : Path.Combine(folder, ModelFiles.RowName), rowsBytes, identity) { Warnings = [.. source.Warnings, .. tokenizer?.Warnings ?? []] };
    }

    private static void WriteRows(
        RowFileWriter writer, HuggingFaceCheckpoint source, TrainingFormLayer[] layers, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        // Every processor: a fold's regions are long, of many tokens each, and their chunks are claimed by whoever is free.
        using ComputePool pool = new(Environment.ProcessorCount);
        RowFileLayout layout = writer.Layout;
        WeightMatrix embedding = source.Matrix(source.Config.SpecOf(Role.Embedding), 0);
        long done = 0, total = layout.ChecksumOffset - RowFileLayout.DataOffset;
        new Fold(new(source.Config, embedding, layers, pool), layout).Run(source.Path, records =>
        {
            writer.Append(records);
            progress?.Report(new("fold", done += records.Length, total));
        }, cancellationToken);
    }
}
