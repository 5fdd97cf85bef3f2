using MeKi.Model.Checkpoints;
using MeKi.Model.Gguf;
using MeKi.Model.Layers;
using MeKi.Store;

namespace MeKi.Model.Conversion;

/// <summary>
/// Converts a GGUF file with a table of rows: its rows, joined with their projection, become the row file, and the rest, in panels, the model file. What is
/// held is bounded as for a checkpoint, whatever the table's size.
/// </summary>
internal static class GgufConversion
{
    /// <inheritdoc cref="Converter.Convert"/>
    public static ConversionResult Run(
        string path, string folder, ConverterOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        using GgufModel source = GgufModel.Open(path);
        if (!source.Config.HasTable)
        {
            throw new ModelFileException(path, "", "has no table of rows that could be folded",
                "Run it as it is, or store it in other formats with 'meki quantize'");
        }
        string to = Path.Combine(folder, ModelFiles.ModelName);
        ModelFolder.RefuseInputs(to, source.Files.Select(file => file.Path));
        using RowTableStore table = source.OpenTable(Fold.ReadOnce);
        ModelConfig config = source.Config.Folded();
        GgufRewrite rewrite = new(source, BackboneTensor.List(config,
            (spec, layer, columns) => options.WeightType?.FormatOf(spec, layer, columns, config) ?? source.FormatOf(spec, layer), panels: true));
        rewrite.CheckIsOriginal("Convert the original model, or leave --type out to keep each matrix as it is");
        ModelIdentity identity = CheckpointScan.Run(source, progress, cancellationToken);

        GgufMetadata metadata = rewrite.Metadata(to);
        metadata[GgufModel.IdentityKey] = identity.ToString();
        options.WeightType?.WriteTo(metadata);
        long written = 0, total = 0;
        GgufWriter writer = new(metadata, rewrite.Tensors(Kept(source, config), bytes => progress?.Report(new("weights", written += bytes, total))));
        total = writer.Tensors.Sum(tensor => tensor.ByteLength);
        RowFileLayout layout = Fold.LayoutOf(config, identity, options.RowType ?? Fold.DefaultType);
        (long modelBytes, long rowsBytes) = ModelFolder.Write(folder, writer, layout, rows => Fold.Write(path, rows,
            pool => new TableTokenRows(source.Config, RowProjection.Load(source, pool), table, pool), progress, cancellationToken), cancellationToken);
        return new(to, modelBytes, Path.Combine(folder, ModelFiles.RowName), rowsBytes, identity) { Warnings = [.. source.Warnings] };
    }

    private static IEnumerable<GgufTensor> Kept(GgufModel source, ModelConfig config)
    {
        HashSet<string> folded = [.. source.Config.Tensors.Except(config.Tensors).Select(spec => spec.InGguf(config, 0).Name)];
        return source.Tensors.Where(tensor => !folded.Contains(tensor.Name));
    }
}
