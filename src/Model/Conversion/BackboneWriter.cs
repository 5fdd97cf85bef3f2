using MeKi.Kernels;
using MeKi.Model.Checkpoints;
using MeKi.Model.Gguf;
using MeKi.Quant;

namespace MeKi.Model.Conversion;

/// <summary>The tensors of <c>model.gguf</c> as they are written: read from the checkpoint a block of rows at a time, encoded on all cores.</summary>
/// <param name="source">The checkpoint.</param>
/// <param name="config">Its shape.</param>
/// <param name="type">Type of the matrices; see <see cref="BackboneTensor.List"/>.</param>
internal sealed class BackboneWriter(WeightSource source, ModelConfig config, GgmlType type)
{
    /// <summary>Lists the tensors in file order.</summary>
    /// <param name="advance">Told the bytes written.</param>
    public List<GgufTensorSource> Tensors(Action<long> advance)
    {
        RowBlocks blocks = new();
        return [.. BackboneTensor.List(config, type).Select(tensor =>
        {
            WeightMatrix weight = source.Matrix(tensor.Name, tensor.Rows, tensor.Columns);
            return tensor.ToSource(blocks, (row, values, encoded) =>
            {
                weight.DecodeRow(row, values);
                tensor.Format.Encode(values, encoded);
                CheckRange(tensor, values, row);
            }, advance);
        })];
    }

    private void CheckRange(BackboneTensor tensor, ReadOnlySpan<float> values, int row)
    {
        // Q8_0 keeps its scale, max/127, in half precision.
        float limit = tensor.Format.Type switch { GgmlType.F16 => F16.MaxValue, GgmlType.Q8_0 => F16.MaxValue * 127, _ => float.MaxValue };
        for (int column = 0; column < values.Length; column++)
        {
            if (Math.Abs(values[column]) > limit)
            {
                throw new ModelFileException(source.Path, $"tensor '{source.OriginalName(tensor.Name)}'",
                    $"the value {values[column]} at row {row}, column {column} is beyond the range of {tensor.Format.Name}", "Convert with --type f32");
            }
        }
    }
}
