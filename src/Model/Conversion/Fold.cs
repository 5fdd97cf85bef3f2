using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Model.Layers;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Conversion;

/// <summary>
/// Re-parameterisation (equations 9 and 10): the expert vectors of every token and layer, computed once and stored. Streams blocks of the vocabulary across
/// all layers; holds one block of records (256 × 37 KB = 9 MB for the 4B model at f16) and its activations, whatever the table's size.
/// </summary>
internal sealed class Fold(ComputedTokenRows trainingForm, RowFileLayout layout)
{
    // Each block packs every layer's projection anew: against 1,024 tokens' arithmetic that is 4 %, and the records take 29 MB at the 4B model's size.
    private const int BlockTokens = 4 * RowFileLayout.GroupRecords;

    // Records larger than any model's come in smaller blocks.
    private const int MostBlockBytes = 256 << 20;

    /// <summary>Computes all records and hands them out in token order.</summary>
    /// <param name="path">The checkpoint, for messages.</param>
    /// <param name="write">Takes the next whole records.</param>
    /// <param name="cancellationToken">Stops between layers of a block.</param>
    /// <exception cref="ModelFileException">A row is not finite, or beyond the range of the row type.</exception>
    public void Run(string path, Action<ReadOnlySpan<byte>> write, CancellationToken cancellationToken)
    {
        int stride = layout.RecordStride;
        int blockTokens = Math.Clamp(MostBlockBytes / stride, 1, BlockTokens);
        byte[] records = new byte[checked(blockTokens * stride)];
        ActivationMatrix rows = new(layout.Dimension);
        int[] tokens = new int[blockTokens];
        for (int first = 0; first < layout.VocabularySize; first += tokens.Length)
        {
            int count = Math.Min(tokens.Length, layout.VocabularySize - first);
            for (int i = 0; i < count; i++)
                tokens[i] = first + i;
            trainingForm.Begin(tokens.AsSpan(0, count), cancellationToken);
            for (int layer = 0; layer < layout.Layers; layer++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                trainingForm.Read(layer, rows);
                for (int i = 0; i < count; i++)
                {
                    CheckRange(path, rows.Row(i), first + i, layer);
                    RowCodec.Encode(layout, rows.Row(i), layer, records.AsSpan(i * stride, stride));
                }
            }
            write(records.AsSpan(0, count * stride));
        }
    }

    private void CheckRange(string path, ReadOnlySpan<float> row, int token, int layer)
    {
        float largest = Math.Abs(TensorPrimitives.MaxMagnitude(row));
        if (!float.IsFinite(largest))
            throw new ModelFileException(path, $"layer {layer}", $"the expert row of token {token} is not finite", "Check alpha, beta and mix_norm of the layer; nothing was written");
        if (largest > StoredRow.MaxMagnitude(layout.Type))
        {
            string type = layout.Type.ToString().ToLowerInvariant();
            throw new ModelFileException(path, $"layer {layer}", $"the expert row of token {token} holds {largest}, beyond the range of {type}", "Convert with --rows int8");
        }
    }
}
