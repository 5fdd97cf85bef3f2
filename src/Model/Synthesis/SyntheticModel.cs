using System.Security.Cryptography;
using System.Text;
using MeKi.Model.Checkpoints;
using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Tokenization;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Synthesis;

/// <summary>What to make of a shape.</summary>
public sealed record SyntheticModelOptions
{
    /// <summary>Formats of the backbone's matrices.</summary>
    public WeightRecipe WeightType { get; init; } = WeightRecipe.Of(GgmlType.Q8_0);

    /// <summary>m of the MeKi branch, which brings a row file; 0 for a dense model.</summary>
    public int MemoryDimension { get; init; }

    /// <summary>Type of the expert rows.</summary>
    public RowType RowType { get; init; } = RowType.Int8;

    /// <summary>Chooses the numbers. The backbone of a seed is the same with and without the MeKi branch, whose tensors come beside it.</summary>
    public int Seed { get; init; }

    internal int Threads { get; init; } = Environment.ProcessorCount;
}

/// <summary>
/// Writes models of random weights: the files, the speed and the memory of a real one, for measurements and tests. One without the MeKi branch is a plain GGUF
/// that other engines run too. The same options give the same bytes.
/// </summary>
public static class SyntheticModel
{
    /// <summary>The largest m: 128 times the paper's; a record of 4B's 36 layers is then 9.4 MB at F32.</summary>
    public const int MaxMemoryDimension = 1 << 16;

    /// <summary>Writes <c>model.gguf</c> and, for a model with the MeKi branch, <c>model.rows</c>.</summary>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="folder">Receives the files; made if absent.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Told how far the work is.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left behind.</param>
    /// <exception cref="ArgumentException">The memory dimension is negative or beyond <see cref="MaxMemoryDimension"/>, or the shape has no
    /// MeKi branch.</exception>
    /// <exception cref="ModelFileException">The output cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    public static ConversionResult Write(SyntheticShape shape, string folder, SyntheticModelOptions? options = null,
        IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new();
        if (options.MemoryDimension is < 0 or > MaxMemoryDimension)
            throw new ArgumentOutOfRangeException(nameof(options), $"A memory dimension of {options.MemoryDimension} is not in 0 to {MaxMemoryDimension}.");
        ModelConfig config = shape.Config(options.MemoryDimension);
        ModelIdentity identity = new(SHA256.HashData(Encoding.UTF8.GetBytes($"synthetic {config.ToSyntheticText()} {options.Seed}")));

        GgufMetadata metadata = new(Path.Combine(folder, ModelFiles.ModelName));
        GgufModel.WriteConfig(config, metadata);
        metadata["general.name"] = $"synthetic {shape.Name}";
        metadata[GgufModel.IdentityKey] = identity.ToString();
        options.WeightType.WriteTo(metadata);
        GgufTokenizer.Write(SyntheticTokenizer.Create(config.VocabularySize), metadata);

        RowBlocks blocks = new() { Threads = options.Threads };
        long written = 0, total = 0;
        GgufWriter writer = new(metadata, [.. BackboneTensor.List(config, options.WeightType, panels: config.HasMeKi)
            .Select(tensor => tensor.ToSource(blocks, Values(tensor, config, options.Seed), bytes =>
                progress?.Report(new("weights", written += bytes, total))))]);
        total = writer.Tensors.Sum(tensor => tensor.ByteLength);
        RowFileLayout? layout = !config.HasMeKi ? null : new()
        {
            Identity = identity,
            VocabularySize = config.VocabularySize,
            Layers = config.Layers,
            Dimension = config.MemoryDimension,
            Type = options.RowType,
        };
        (long modelBytes, long rowsBytes) = ModelFolder.Write(folder, writer, layout,
            rows => WriteRows(rows, blocks, options.Seed, progress, cancellationToken), cancellationToken);
        return new(metadata.Path, modelBytes, layout is null ? null : Path.Combine(folder, ModelFiles.RowName), rowsBytes, identity);
    }

    // Deviation 1/√columns keeps what passes a matrix at the size it had. The weights of norms are 1. The embedding, whose rows are looked up, is also the
    // head, so it has the head's deviation: logits of deviation 1, and a residual stream that the first layers bring to size.
    private static EncodeRow Values(BackboneTensor tensor, ModelConfig config, int seed)
    {
        IReadOnlyList<float>? divisors = GgufRopeScaling.Tensors(config).GetValueOrDefault(tensor.Spec.Role);
        ulong stream = RandomRow.Stream(seed, tensor.Name);
        // Of a table a layer's part of a row is what is looked up.
        float deviation = 1 / MathF.Sqrt(tensor.Spec.IsTable ? config.MemoryDimension : tensor.Columns);
        return (row, values, encoded) =>
        {
            if (divisors is not null)
                divisors.ToArray().CopyTo(values, 0);
            else if (tensor.IsVector)
                Array.Fill(values, 1);
            else
                RandomRow.Fill(stream, row, deviation, values);
            tensor.Format.Encode(values, encoded);
        };
    }

    // Deviation 1: folded rows leave an RMSNorm.
    private static void WriteRows(
        RowFileWriter writer, RowBlocks blocks, int seed, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        RowFileLayout layout = writer.Layout;
        ulong[] streams = [.. Enumerable.Range(0, layout.Layers).Select(layer => RandomRow.Stream(seed, $"rows.{layer}"))];
        long done = 0, total = layout.ChecksumOffset - RowFileLayout.DataOffset;
        blocks.Run(layout.VocabularySize, layout.RecordStride, layout.Dimension, panels: null, (token, values, record) =>
        {
            record.Clear();
            for (int layer = 0; layer < streams.Length; layer++)
            {
                RandomRow.Fill(streams[layer], token, 1, values);
                RowCodec.Encode(layout, values, layer, record);
            }
        }, records =>
        {
            writer.Append(records);
            progress?.Report(new("rows", done += records.Length, total));
        }, cancellationToken);
    }
}
