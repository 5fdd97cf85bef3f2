using System.Runtime.ExceptionServices;
using MeKi.Model.Checkpoints;
using MeKi.Model.Gguf;
using MeKi.Store;

namespace MeKi.Model.Conversion;

/// <summary>What a quantisation wrote.</summary>
/// <param name="ModelPath">The model file.</param>
/// <param name="ModelBytes">Its size.</param>
/// <param name="RowsPath">The row file, an unchanged copy; null for a model without the MeKi branch.</param>
/// <param name="RowsBytes">Its size.</param>
public sealed record QuantizationResult(string ModelPath, long ModelBytes, string? RowsPath, long RowsBytes);

/// <summary>
/// Stores the matrices of a converted model, or of a GGUF file of any architecture that runs, in other block formats. Metadata, tokenizer, identity, vectors,
/// the order of the tensors and the expert rows stay as they are. Streams blocks of rows on all cores; the same input gives the same bytes.
/// </summary>
public static class Quantizer
{
    private const string GgufExtension = ".gguf";

    /// <summary>Quantises a model.</summary>
    /// <param name="input">A <c>.gguf</c> file, or a folder with <c>model.gguf</c>; the rows of a MeKi model beside it as <c>.rows</c>.</param>
    /// <param name="output">A name that ends in <c>.gguf</c>, or a folder, made if absent, that receives <c>model.gguf</c>; rows go beside it likewise.</param>
    /// <param name="recipe">Formats of the matrices.</param>
    /// <param name="requantize">Whether matrices that are quantised already may lose once more.</param>
    /// <param name="panels">
    /// Whether the matrices of a dense model, too, are stored in panels, which are mapped and multiplied as they lie, but which no other engine reads. A MeKi
    /// model's always are.
    /// </param>
    /// <param name="progress">Told how far the work is.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <exception cref="ModelFileException">
    /// The model is damaged, unsupported or quantised already, a weight is not finite or beyond the range of its format, or the output cannot be written.
    /// </exception>
    /// <exception cref="RowFileException">The row file is missing, damaged or another model's.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    public static QuantizationResult Quantize(string input, string output, WeightRecipe recipe, bool requantize = false, bool panels = false,
        IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(input);
        ArgumentException.ThrowIfNullOrEmpty(output);
        ArgumentNullException.ThrowIfNull(recipe);
        (string from, string to) = (ModelFile(input, isFolder: Directory.Exists(input)), ModelFile(output, isFolder: !IsFileName(output)));
        using GgufModel source = GgufModel.Open(from);
        ModelFolder.RefuseInputs(to, source.Files.Select(file => file.Path).Append(ModelFiles.RowsOf(from)));
        List<BackboneTensor> parts = BackboneTensor.List(source.Config, recipe, panels || source.Config.HasMeKi);
        GgufRewrite rewrite = new(source, parts);
        if (!requantize)
            rewrite.CheckIsOriginal("Quantise the original model, or accept a second loss with --requantize");
        using RowStore? rows = source.Identity is null ? null : ModelFiles.OpenRows(source);
        try
        {
            return Write(rewrite, source, rows, to, recipe, progress, cancellationToken);
        }
        catch (AggregateException failures)
        {
            // Of several workers that met damage at once, one is enough to report.
            ExceptionDispatchInfo.Throw(failures.Flatten().InnerExceptions[0]);
            throw;
        }
    }

    private static QuantizationResult Write(
        GgufRewrite rewrite, GgufModel source, RowStore? rows, string to, WeightRecipe recipe, IProgress<WorkProgress>? progress,
        CancellationToken cancellationToken)
    {
        GgufMetadata metadata = rewrite.Metadata(to);
        recipe.WriteTo(metadata);

        long written = 0, total = 0;
        GgufWriter writer = new(metadata, rewrite.Tensors(source.Tensors, bytes => progress?.Report(new("weights", written += bytes, total))));
        total = writer.Tensors.Sum(tensor => tensor.ByteLength);
        // The first tensor may take a while.
        progress?.Report(new("weights", 0, total));
        (long modelBytes, long rowsBytes) = ModelFolder.Write(to, writer, rows?.Layout.FileBytes, stream => Copy(rows!, stream, progress, cancellationToken),
            cancellationToken);
        return new(to, modelBytes, rows is null ? null : ModelFiles.RowsOf(to), rowsBytes);
    }

    private static void Copy(RowStore rows, Stream to, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        long done = 0, total = rows.Layout.FileBytes;
        StreamBytes.Copy((offset, bytes) => rows.Source.ReadFully(bytes, offset), total, to, bytes => progress?.Report(new("rows", done += bytes, total)),
            cancellationToken);
    }

    private static string ModelFile(string path, bool isFolder) => isFolder ? Path.Combine(path, ModelFiles.ModelName) : path;

    private static bool IsFileName(string path) => !Directory.Exists(path) && path.EndsWith(GgufExtension, StringComparison.OrdinalIgnoreCase);
}
