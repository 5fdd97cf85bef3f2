using System.Collections.Immutable;
using MeKi.Kernels;
using MeKi.Model.Checkpoints;
using MeKi.Model.Gguf;
using MeKi.Quant;

namespace MeKi.Model.Conversion;

/// <summary>The tensors of <c>model.gguf</c> as they are written: read from the checkpoint a block of rows at a time, encoded on all cores.</summary>
/// <param name="source">The checkpoint.</param>
/// <param name="config">Its shape.</param>
/// <param name="type">Type of the matrices. Vectors are F32; a matrix whose rows are not whole blocks is F16.</param>
internal sealed class BackboneWriter(WeightSource source, ModelConfig config, GgmlType type)
{
    // Encoded at a time: enough for all cores, little against the memory budget.
    private const int BlockBytes = 8 << 20;

    /// <summary>Lists the tensors in file order.</summary>
    /// <param name="advance">Told the bytes written.</param>
    public List<GgufTensorSource> Tensors(Action<long> advance)
    {
        List<GgufTensorSource> tensors = [];
        (int d, int ffn, int m) = (config.HiddenSize, config.FeedForwardSize, config.MemoryDimension);
        (int queries, int keys) = (config.Heads * config.HeadDimension, config.KvHeads * config.HeadDimension);
        Add("token_embd.weight", config.VocabularySize, d);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            Add($"blk.{layer}.attn_norm.weight", 1, d);
            Add($"blk.{layer}.attn_q.weight", queries, d);
            Add($"blk.{layer}.attn_k.weight", keys, d);
            Add($"blk.{layer}.attn_v.weight", keys, d);
            if (config.QkNorm)
            {
                Add($"blk.{layer}.attn_q_norm.weight", 1, config.HeadDimension);
                Add($"blk.{layer}.attn_k_norm.weight", 1, config.HeadDimension);
            }
            Add($"blk.{layer}.attn_output.weight", d, queries);
            Add($"blk.{layer}.ffn_norm.weight", 1, d);
            Add($"blk.{layer}.ffn_gate.weight", ffn, d);
            Add($"blk.{layer}.ffn_up.weight", ffn, d);
            Add($"blk.{layer}.ffn_down.weight", d, ffn);
            if (config.HasMeKi)
            {
                Add($"blk.{layer}.meki_gate.weight", m, d);
                Add($"blk.{layer}.meki_out.weight", d, m);
                Add($"blk.{layer}.meki_post_norm.weight", 1, d);
            }
        }
        Add("output_norm.weight", 1, d);
        if (!config.TiedHead)
            Add("output.weight", config.VocabularySize, d);
        return tensors;

        void Add(string name, int rows, int columns)
        {
            WeightMatrix weight = source.Matrix(name, rows, columns);
            BlockFormat format = BlockFormat.Of(rows == 1 ? GgmlType.F32 : type);
            if (columns % format.BlockSize != 0)
                format = BlockFormat.Of(GgmlType.F16);
            ImmutableArray<long> dimensions = rows == 1 ? [columns] : [columns, rows];
            tensors.Add(new(name, format.Type, dimensions, (stream, cancellation) => Write(weight, format, name, stream, advance, cancellation)));
        }
    }

    private void Write(WeightMatrix weight, BlockFormat format, string name, Stream stream, Action<long> advance, CancellationToken cancellationToken)
    {
        int rowBytes = checked((int)format.RowBytes(weight.Columns));
        int rowsPerBlock = Math.Clamp(BlockBytes / rowBytes, 1, weight.Rows);
        byte[] encoded = GC.AllocateUninitializedArray<byte>(rowsPerBlock * rowBytes);
        for (int first = 0; first < weight.Rows; first += rowsPerBlock)
        {
            int count = Math.Min(rowsPerBlock, weight.Rows - first);
            Parallel.For(0, count, new() { CancellationToken = cancellationToken }, () => new float[weight.Columns], (row, _, values) =>
            {
                weight.DecodeRow(first + row, values);
                Span<byte> target = encoded.AsSpan(row * rowBytes, rowBytes);
                format.Encode(values, target);
                CheckRange(format, values, name, first + row);
                return values;
            }, _ => { });
            stream.Write(encoded.AsSpan(0, count * rowBytes));
            advance((long)count * rowBytes);
        }
    }

    private void CheckRange(BlockFormat format, ReadOnlySpan<float> values, string name, int row)
    {
        // Q8_0 keeps its scale, max/127, in half precision.
        float limit = format.Type switch { GgmlType.F16 => F16.MaxValue, GgmlType.Q8_0 => F16.MaxValue * 127, _ => float.MaxValue };
        for (int column = 0; column < values.Length; column++)
        {
            if (Math.Abs(values[column]) > limit)
            {
                throw new ModelFileException(source.Path, $"tensor '{source.OriginalName(name)}'",
                    $"the value {values[column]} at row {row}, column {column} is beyond the range of {format.Name}", "Convert with --type f32");
            }
        }
    }
}
