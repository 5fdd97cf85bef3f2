using System.Runtime.ExceptionServices;
using MeKi.Kernels;
using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using MeKi.Model.Gguf;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Conversion;

/// <summary>What a quantisation wrote.</summary>
/// <param name="ModelPath">The model file.</param>
/// <param name="ModelBytes">Its size.</param>
/// <param name="RowsPath">The row file, an unchanged copy; null for a model without the MeKi branch.</param>
/// <param name="RowsBytes">Its size.</param>
public sealed record QuantizationResult(string ModelPath, long ModelBytes, string? RowsPath, long RowsBytes);

/// <summary>
/// Stores the matrices of a converted model, or of any <c>qwen3</c> GGUF file, in other block formats. Metadata, tokenizer, identity, vectors, the order of the
/// tensors and the expert rows stay as they are. Streams blocks of rows on all cores; the same input gives the same bytes.
/// </summary>
public static class Quantizer
{
    private const string GgufExtension = ".gguf";

    /// <summary>Quantises a model.</summary>
    /// <param name="input">A <c>.gguf</c> file, or a folder with <c>model.gguf</c>; the rows of a MeKi model beside it as <c>.rows</c>.</param>
    /// <param name="output">A name that ends in <c>.gguf</c>, or a folder, made if absent, that receives <c>model.gguf</c>; rows go beside it likewise.</param>
    /// <param name="recipe">Formats of the matrices.</param>
    /// <param name="requantize">Whether matrices that are quantised already may lose once more.</param>
    /// <param name="progress">Told how far the work is.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <exception cref="ModelFileException">
    /// The model is damaged, unsupported or quantised already, a weight is not finite or beyond the range of its format, or the output cannot be written.
    /// </exception>
    /// <exception cref="RowFileException">The row file is missing, damaged or another model's.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    public static QuantizationResult Quantize(string input, string output, WeightRecipe recipe, bool requantize = false,
        IProgress<ConversionProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(input);
        ArgumentException.ThrowIfNullOrEmpty(output);
        ArgumentNullException.ThrowIfNull(recipe);
        (string from, string to) = (ModelFile(input, isFolder: Directory.Exists(input)), ModelFile(output, isFolder: !IsFileName(output)));
        if (Path.GetFullPath(from) == Path.GetFullPath(to))
            throw new ModelFileException(to, "", "is the input", "Choose another output");
        using GgufModel source = GgufModel.Open(from);
        // Refuses a model of which a part is missing, before the work.
        _ = Weights.Load(source, source.Config);
        CheckIsOriginal(source, recipe, requantize);
        using RowStore? rows = source.Identity is { } identity ? MeKiModel.OpenRows(ModelFolder.RowsOf(from), source, identity) : null;
        try
        {
            return Write(source, rows, to, recipe, progress, cancellationToken);
        }
        catch (AggregateException failures)
        {
            // Of several workers that met damage at once, one is enough to report.
            ExceptionDispatchInfo.Throw(failures.Flatten().InnerExceptions[0]);
            throw;
        }
    }

    private static QuantizationResult Write(
        GgufModel source, RowStore? rows, string to, WeightRecipe recipe, IProgress<ConversionProgress>? progress, CancellationToken cancellationToken)
    {
        GgufMetadata metadata = new(to);
        foreach ((string key, object value) in source.Metadata)
            metadata[key] = value;
        recipe.WriteTo(metadata);

        long written = 0, total = 0;
        RowBlocks blocks = new();
        GgufWriter writer = new(metadata, [.. source.Tensors.Select(tensor =>
            TensorSource(source, tensor, recipe, blocks, bytes => progress?.Report(new("weights", written += bytes, total))))]);
        total = writer.Tensors.Sum(tensor => tensor.ByteLength);
        // The first tensor may take a while.
        progress?.Report(new("weights", 0, total));
        (long modelBytes, long rowsBytes) = ModelFolder.Write(to, writer, rows?.Layout.FileBytes, stream => Copy(rows!, stream, progress, cancellationToken), cancellationToken);
        return new(to, modelBytes, rows is null ? null : ModelFolder.RowsOf(to), rowsBytes);
    }

    private static GgufTensorSource TensorSource(GgufModel source, GgufTensor tensor, WeightRecipe recipe, RowBlocks blocks, Action<long> advance)
    {
        BlockFormat? format = NewFormat(source.Config, tensor, recipe);
        if (format is null)
        {
            return new(tensor.Name, tensor.Type, tensor.Dimensions, (stream, cancellationToken) => StreamBytes.Copy(
                (offset, bytes) => source.Bytes(tensor, offset, bytes.Length).CopyTo(bytes), tensor.ByteLength, stream, advance, cancellationToken));
        }
        (int columns, int rows) = (checked((int)tensor.Dimensions[0]), checked((int)tensor.Dimensions[1]));
        WeightMatrix weight = source.Matrix(tensor.Name, rows, columns);
        return new BackboneTensor(tensor.Name, rows, columns, format).ToSource(blocks, CheckedEncoding.Of(weight, format, source.Path, tensor.Name), advance);
    }

    /// <summary>The format a tensor is encoded in; null for one that is copied: a vector, a norm, or a matrix that has its format already.</summary>
    private static BlockFormat? NewFormat(ModelConfig config, GgufTensor tensor, WeightRecipe recipe)
    {
        bool isMatrix = tensor.Dimensions.Length == 2 && tensor.Name.EndsWith(".weight", StringComparison.Ordinal)
            && !tensor.Name.EndsWith("_norm.weight", StringComparison.Ordinal);
        if (!isMatrix)
            return null;
        BlockFormat format = recipe.FormatOf(tensor.Name, checked((int)tensor.Dimensions[0]), config.Layers, config.TiedHead);
        return format.Type == tensor.Type ? null : format;
    }

    private static void CheckIsOriginal(GgufModel source, WeightRecipe recipe, bool requantize)
    {
        GgufTensor? quantized = requantize ? null
            : source.Tensors.FirstOrDefault(tensor => BlockFormat.Find(tensor.Type) is not { BlockSize: 1 } && NewFormat(source.Config, tensor, recipe) is not null);
        if (quantized is not null)
        {
            throw new ModelFileException(source.Path, UntrustedText.Tensor(quantized.Name), $"is quantised already, to {quantized.Type}",
                "Quantise the original model, or accept a second loss with --requantize");
        }
    }

    private static void Copy(RowStore rows, Stream to, IProgress<ConversionProgress>? progress, CancellationToken cancellationToken)
    {
        using FileStream from = new(rows.Path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        long done = 0, total = rows.Layout.FileBytes;
        StreamBytes.Copy((_, bytes) => from.ReadExactly(bytes), total, to, bytes => progress?.Report(new("rows", done += bytes, total)), cancellationToken);
    }

    private static string ModelFile(string path, bool isFolder) => isFolder ? Path.Combine(path, ModelFolder.ModelFileName) : path;

    private static bool IsFileName(string path) => !Directory.Exists(path) && path.EndsWith(GgufExtension, StringComparison.OrdinalIgnoreCase);
}
