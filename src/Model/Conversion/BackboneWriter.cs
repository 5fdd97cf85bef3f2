using MeKi.Kernels;
using MeKi.Model.Checkpoints;
using MeKi.Model.Gguf;

namespace MeKi.Model.Conversion;

/// <summary>The tensors of <c>model.gguf</c> as they are written: read from the checkpoint a block of rows at a time, encoded on all cores.</summary>
/// <param name="source">The checkpoint.</param>
/// <param name="config">Its shape.</param>
/// <param name="recipe">Formats of the matrices; see <see cref="BackboneTensor.List"/>.</param>
/// <remarks>A MeKi model's matrices lie in panels, ready to be multiplied where they are mapped; a dense model's as every GGUF reader knows them.</remarks>
internal sealed class BackboneWriter(WeightSource source, ModelConfig config, WeightRecipe recipe)
{
    /// <summary>Lists the tensors in file order.</summary>
    /// <param name="advance">Told the bytes written.</param>
    public List<GgufTensorSource> Tensors(Action<long> advance)
    {
        RowBlocks blocks = new();
        return [.. BackboneTensor.List(config, recipe, panels: config.HasMeKi).Select(tensor =>
        {
            if (tensor.Name == GgufRopeScaling.DivisorsName)
                return tensor.ToSource(blocks, (_, values, encoded) => Encode(tensor, values, encoded), advance);
            WeightMatrix weight = source.Matrix(tensor.Name, tensor.Rows, tensor.Columns);
            return tensor.ToSource(blocks, CheckedEncoding.Of((row, values) => weight.DecodeRow(row, values), tensor.Format, source.Path, source.OriginalName(tensor.Name)), advance);
        })];
    }

    // No checkpoint has this tensor: it follows from the configuration.
    private void Encode(BackboneTensor divisors, float[] values, Span<byte> encoded)
    {
        GgufRopeScaling.Divisors(config)!.ToArray().CopyTo(values, 0);
        divisors.Format.Encode(values, encoded);
    }
}
