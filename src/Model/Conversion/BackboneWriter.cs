using MeKi.Kernels;
using MeKi.Model.Checkpoints;
using MeKi.Model.Gguf;

namespace MeKi.Model.Conversion;

/// <summary>The tensors of <c>model.gguf</c> as they are written: read from the checkpoint a block of rows at a time, encoded on all cores.</summary>
/// <param name="source">The checkpoint.</param>
/// <param name="config">Its shape.</param>
/// <param name="recipe">Formats of the matrices; see <see cref="BackboneTensor.List(ModelConfig, WeightRecipe, bool)"/>.</param>
/// <remarks>A MeKi model's matrices lie in panels, ready to be multiplied where they are mapped; another model's as every GGUF reader knows them.</remarks>
internal sealed class BackboneWriter(WeightSource source, ModelConfig config, WeightRecipe recipe)
{
    /// <summary>Lists the tensors in file order.</summary>
    /// <param name="advance">Told the bytes written.</param>
    public List<GgufTensorSource> Tensors(Action<long> advance)
    {
        RowBlocks blocks = new();
        return [.. BackboneTensor.List(config, recipe, panels: config.HasMeKi).Select(tensor =>
        {
            string name = source.NameOf(tensor.Spec, tensor.Layer);
            return tensor.ToSource(blocks, CheckedEncoding.Of(Rows(tensor), tensor.Format, source.Path, name), advance);
        })];
    }

    private Action<int, float[]> Rows(BackboneTensor tensor)
    {
        // No checkpoint has these: they follow from the configuration.
        if (GgufRopeScaling.Tensors(config).TryGetValue(tensor.Spec.Role, out IReadOnlyList<float>? divisors))
            return (_, values) => divisors.ToArray().CopyTo(values, 0);
        if (tensor.IsVector && tensor.Spec.CheckpointOffset != 0)
            return (_, values) => source.Vector(tensor.Spec, tensor.Layer).CopyTo(values, 0);
        WeightMatrix[] parts = [.. tensor.Parts.Select(part => source.Matrix(part, tensor.Layer))];
        int head = tensor.Spec.PairsRows ? config.Geometry[tensor.Layer].HeadSize : 0, turned = config.RotaryDimension;
        if (head > 0 && tensor.IsVector)
            return (_, values) => DecodePaired(parts[0], values.AsSpan(0, tensor.Columns), head, turned);
        return (row, values) =>
        {
            int part = 0;
            for (; row >= parts[part].Rows; part++)
                row -= parts[part].Rows;
            parts[part].DecodeRow(head == 0 ? row : Unpaired(row, head, turned), values.AsSpan(0, tensor.Columns));
        };
    }

    private static void DecodePaired(WeightMatrix vector, Span<float> values, int head, int turned)
    {
        float[] whole = new float[values.Length];
        vector.DecodeRow(0, whole);
        for (int i = 0; i < values.Length; i++)
            values[i] = whole[Unpaired(i, head, turned)];
    }

    // Of the values of a head that are turned, neighbours 2i and 2i + 1 are i and i + r/2 of the checkpoint.
    internal static int Unpaired(int row, int head, int turned)
    {
        int within = row % head;
        return within >= turned ? row : row - within + within / 2 + within % 2 * (turned / 2);
    }
}
