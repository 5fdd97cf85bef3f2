using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using MeKi.Kernels;
using MeKi.Model.Layers;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Conversion;

/// <summary>
/// Re-parameterisation (equations 9 and 10): the vectors of every token and layer, computed once and stored. Streams blocks of the vocabulary across all
/// layers; holds one block of records (256 × 37 KB = 9 MB for the 4B model at f16) and its activations, whatever the table's size.
/// </summary>
/// <param name="rows">Computes them: a checkpoint's training form, or a table of rows with its projection.</param>
/// <param name="layout">How they are stored.</param>
internal sealed class Fold(TokenRows rows, RowFileLayout layout)
{
    // Each block packs every layer's projection anew: against 1,024 tokens' arithmetic that is 4 %, and the records take 29 MB at the 4B model's size.
    private const int BlockTokens = 4 * RowFileLayout.GroupRecords;

    // Records larger than any model's come in smaller blocks.
    private const int MostBlockBytes = 256 << 20;

    /// <summary>How rows are stored where nobody says.</summary>
    public const RowType DefaultType = RowType.Int8;

    /// <summary>How a table is read that is folded: no row is met twice.</summary>
    public static RowStoreOptions ReadOnce { get; } = new() { CacheBytes = 0 };

    /// <summary>The row file of a model.</summary>
    public static RowFileLayout LayoutOf(ModelConfig config, ModelIdentity identity, RowType type) => new()
    {
        Identity = identity,
        VocabularySize = config.VocabularySize,
        Layers = config.Layers,
        Dimension = config.MemoryDimension,
        Type = type,
    };

    /// <summary>Writes all records of a row file.</summary>
    /// <param name="path">The checkpoint, for messages.</param>
    /// <param name="writer">The file.</param>
    /// <param name="rows">Makes what computes them.</param>
    /// <param name="progress">Told how far the work is.</param>
    /// <param name="cancellationToken">Stops between layers of a block.</param>
    /// <exception cref="ModelFileException">A row is not finite, or beyond the range of the row type.</exception>
    public static void Write(
        string path, RowFileWriter writer, Func<ComputePool, TokenRows> rows, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        // Every processor: a fold's regions are long, of many tokens each, and their chunks are claimed by whoever is free.
        using ComputePool pool = new(Environment.ProcessorCount);
        using TokenRows computed = rows(pool);
        long done = 0, total = writer.Layout.ChecksumOffset - RowFileLayout.DataOffset;
        new Fold(computed, writer.Layout).Run(path, records =>
        {
            writer.Append(records);
            progress?.Report(new("fold", done += records.Length, total));
        }, cancellationToken);
    }

    /// <summary>Computes all records and hands them out in token order.</summary>
    /// <param name="path">The checkpoint, for messages.</param>
    /// <param name="write">Takes the next whole records.</param>
    /// <param name="cancellationToken">Stops between layers of a block.</param>
    /// <exception cref="ModelFileException">A row is not finite, or beyond the range of the row type.</exception>
    private void Run(string path, Action<ReadOnlySpan<byte>> write, CancellationToken cancellationToken)
    {
        int stride = layout.RecordStride;
        int blockTokens = Math.Clamp(MostBlockBytes / stride, 1, BlockTokens);
        byte[] records = new byte[checked(blockTokens * stride)];
        int[] tokens = new int[blockTokens], next = new int[blockTokens];
        for (int first = 0; first < layout.VocabularySize; first += tokens.Length)
        {
            int count = Count(tokens, first);
            rows.Begin(tokens.AsSpan(0, count), cancellationToken);
            rows.Prefetch(next.AsSpan(0, Count(next, first + count)));
            for (int layer = 0; layer < layout.Layers; layer++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                rows.Await(layer);
                // In order, so that of several bad rows the first is reported.
                for (int i = 0; i < count; i++)
                    CheckRange(path, Values(i), first + i, layer);
                int encoded = layer;
                Parallel.For(0, count, new() { CancellationToken = cancellationToken, MaxDegreeOfParallelism = Environment.ProcessorCount },
                    i => RowCodec.Encode(layout, Values(i), encoded, records.AsSpan(i * stride, stride)));
            }
            write(records.AsSpan(0, count * stride));
        }
    }

    // What is computed is computed in floats.
    private ReadOnlySpan<float> Values(int token) => MemoryMarshal.Cast<byte, float>(rows.Row(token).Values);

    private int Count(int[] tokens, int first)
    {
        int count = Math.Min(tokens.Length, layout.VocabularySize - first);
        for (int i = 0; i < count; i++)
            tokens[i] = first + i;
        return count;
    }

    private void CheckRange(string path, ReadOnlySpan<float> row, int token, int layer)
    {
        float largest = Math.Abs(TensorPrimitives.MaxMagnitude(row));
        if (!float.IsFinite(largest))
        {
            throw new ModelFileException(path, $"layer {layer}", $"the expert row of token {token} is not finite",
                "Check the weights that it is computed from; nothing was written");
        }
        if (largest > StoredRow.MaxMagnitude(layout.Type))
        {
            string type = layout.Type.ToString().ToLowerInvariant();
            throw new ModelFileException(path, $"layer {layer}", $"the expert row of token {token} holds {largest}, beyond the range of {type}",
                "Convert with --rows int8");
        }
    }
}
