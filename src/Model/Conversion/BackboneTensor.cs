using System.Collections.Immutable;
using MeKi.Model.Architectures;
using MeKi.Model.Gguf;
using MeKi.Quant;

namespace MeKi.Model.Conversion;

/// <summary>A tensor of a GGUF file: one of an architecture's table, or several that lie stacked in one.</summary>
/// <param name="Name">Its name (docs/formats.md).</param>
/// <param name="Layer">Whose it is; 0 for a tensor that is no layer's.</param>
/// <param name="Parts">What it consists of, in the order of its rows.</param>
/// <param name="Rows">Rows; 1 for a vector.</param>
/// <param name="Columns">Values of a row.</param>
/// <param name="Format">How the values are stored.</param>
/// <param name="InPanels">Whether its rows lie in panels.</param>
internal sealed record BackboneTensor(string Name, int Layer, IReadOnlyList<TensorSpec> Parts, int Rows, int Columns, BlockFormat Format, bool InPanels)
{
    /// <summary>What the tensor, or its first part, is for.</summary>
    public TensorSpec Spec => Parts[0];

    /// <summary>Whether this is a vector, which stays in F32.</summary>
    public bool IsVector => Spec.IsVector;

    /// <summary>Bytes of a row.</summary>
    public int RowBytes => checked((int)Format.RowBytes(Columns));

    /// <summary>The tensor's type in the file.</summary>
    public GgmlType Type => Panels?.TensorType ?? Format.Type;

    private PanelFormat? Panels => InPanels ? PanelFormat.Find(Format.Type) : null;

    /// <summary>The tensors of a model, in file order: what stands before the layers, the layers, what stands behind them.</summary>
    /// <param name="config">The model's sizes.</param>
    /// <param name="recipe">Formats of the matrices. Vectors are F32.</param>
    /// <param name="panels">Whether matrices are stored in panels where they can be: their format has them, and each part is whole panels.</param>
    public static List<BackboneTensor> List(ModelConfig config, WeightRecipe recipe, bool panels) =>
        List(config, (spec, layer, columns) => recipe.FormatOf(spec, layer, columns, config), panels);

    /// <summary>Likewise.</summary>
    /// <param name="config">The model's sizes.</param>
    /// <param name="formatOf">The format of a matrix in a layer, with so many columns.</param>
    /// <param name="panels">As for the other overload.</param>
    public static List<BackboneTensor> List(ModelConfig config, Func<TensorSpec, int, int, BlockFormat> formatOf, bool panels)
    {
        TensorSpec[] specs = [.. config.Tensors.Where(spec => !spec.OnlyInCheckpoints)];
        int firstOfLayers = Array.FindIndex(specs, spec => spec.PerLayer);
        List<BackboneTensor> tensors = [];
        Add(specs.Take(firstOfLayers), 0);
        for (int layer = 0; layer < config.Layers; layer++)
            Add(specs.Where(spec => spec.PerLayer), layer);
        Add(specs.Skip(firstOfLayers).Where(spec => !spec.PerLayer), 0);
        return tensors;

        void Add(IEnumerable<TensorSpec> some, int layer)
        {
            foreach (IGrouping<string, TensorSpec> tensor in some.Where(spec => config.Has(spec, layer)).GroupBy(spec => spec.InGguf(config, layer).Name))
            {
                TensorSpec[] parts = [.. tensor];
                int columns = parts[0].Columns(config, layer);
                BlockFormat format = parts[0] is { IsVector: true } or { IsSmall: true } ? BlockFormat.Of(GgmlType.F32) : formatOf(parts[0], layer, columns);
                // Rows of a table are read one by one.
                bool fits = parts[0] is { IsTable: false, IsSmall: false } && parts.All(part => part.Rows(config, layer) % PanelFormat.Rows == 0)
                    && PanelFormat.Find(format.Type) is not null;
                tensors.Add(new(tensor.Key, layer, parts, parts.Sum(part => part.Rows(config, layer)), columns, format, panels && fits));
            }
        }
    }

    /// <summary>The tensor as the file's writer takes it.</summary>
    /// <param name="blocks">Encodes the rows.</param>
    /// <param name="encode">Gives a row's bytes.</param>
    /// <param name="advance">Told the bytes written.</param>
    public GgufTensorSource ToSource(RowBlocks blocks, EncodeRow encode, Action<long> advance)
    {
        ImmutableArray<long> dimensions = IsVector ? [Columns] : Spec.InSlices ? [Columns, Rows / Parts.Count, Parts.Count] : [Columns, Rows];
        return new(Name, Type, dimensions, (stream, cancellationToken) => blocks.Run(Rows, RowBytes, Columns, Panels, encode, block =>
        {
            stream.Write(block);
            advance(block.Length);
        }, cancellationToken));
    }
}
