using MeKi.Model.Architectures;
using MeKi.Model.Checkpoints;
using MeKi.Model.Conversion;

namespace MeKi.Model.Adapters;

/// <summary>One of a model's matrices within a tensor of a file.</summary>
/// <param name="Target">The matrix.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Part">Which rows of the tensor these are; null for all.</param>
/// <param name="Spec">Its row of the table.</param>
internal sealed record LoraPart(LoraTarget Target, int Rows, Stack? Part, TensorSpec Spec);

/// <summary>A tensor of a file that adapters may change: a matrix, or several that lie stacked.</summary>
/// <param name="Name">Its name without <c>.weight</c>.</param>
/// <param name="Parts">The matrices.</param>
/// <param name="Rows">Outputs of all of them.</param>
/// <param name="Columns">Inputs.</param>
internal sealed record LoraSite(string Name, IReadOnlyList<LoraPart> Parts, int Rows, int Columns)
{
    private const string Ending = ".weight";

    /// <summary>The tensors of a GGUF file, by name.</summary>
    public static Dictionary<string, LoraSite> OfGguf(ModelConfig config) =>
        Collect(config, (spec, layer) => spec.InSlices ? [] : [spec.InGguf(config, layer)]);

    /// <summary>The modules of a checkpoint, by every name that they may have.</summary>
    public static Dictionary<string, LoraSite> OfCheckpoints(ModelConfig config)
    {
        TensorNaming[] namings = [new HuggingFaceNaming(), new DemoNaming()];
        return Collect(config, (spec, layer) => namings.SelectMany(naming => naming.Places(spec, config, layer)).DistinctBy(place => place.Name));
    }

    /// <summary>The usual name of each module of a checkpoint, in the order of the model's tensors.</summary>
    public static List<LoraSite> Modules(ModelConfig config) =>
        [.. Collect(config, (spec, layer) => new HuggingFaceNaming().Places(spec, config, layer).Take(1)).Values];

    /// <summary>What the tensor's factors make of each of its matrices.</summary>
    /// <param name="a">[rank × columns].</param>
    /// <param name="b">[rows × rank].</param>
    /// <param name="scale">Of all.</param>
    /// <param name="reorders">Whether rows of q and k are to go from one order to the other, and how.</param>
    /// <param name="config">The model.</param>
    public IEnumerable<(LoraTarget Target, LoraPair Pair)> Split(LoraFactor a, LoraFactor b, float scale, RowOrder reorders, ModelConfig config) =>
        Parts.Select(part =>
        {
            LoraFactor own = part.Part is { } stack ? b.Slice(stack.First, stack.Rows, stack.Period) : b;
            return (part.Target, new LoraPair(a, reorders.Of(own, part, config), scale));
        });

    private static Dictionary<string, LoraSite> Collect(ModelConfig config, Func<TensorSpec, int, IEnumerable<TensorPlace>> places)
    {
        Dictionary<string, LoraSite> sites = [];
        IEnumerable<TensorSpec> specs = config.Tensors.Concat(config.TiedHead ? [config.SpecOf(Role.Head)] : []).Where(IsAdaptable);
        foreach (TensorSpec spec in specs)
        {
            foreach (int layer in spec.Layers(config).Where(layer => config.Has(spec, layer)))
            {
                (int rows, int columns) = (spec.Rows(config, layer), spec.Columns(config, layer));
                foreach (TensorPlace place in places(spec, layer))
                {
                    string name = place.Name.EndsWith(Ending, StringComparison.Ordinal) ? place.Name[..^Ending.Length] : place.Name;
                    LoraPart part = new(new(spec.PerLayer ? layer : 0, spec.Role), rows, place.Part, spec);
                    int all = place.Part is { } stack ? rows / stack.Rows * stack.Period : rows;
                    if (!sites.TryGetValue(name, out LoraSite? known))
                        sites[name] = new(name, [part], all, columns);
                    else if (known.Parts.All(other => other.Target != part.Target))
                        sites[name] = known with { Parts = [.. known.Parts, part] };
                }
            }
        }
        return sites;
    }

    // Rows of the embedding and of tables are looked up; a projection of rows is computed for each token apart from its sequence.
    private static bool IsAdaptable(TensorSpec spec) =>
        spec is { IsVector: false, IsSmall: false, IsTable: false, OnlyInCheckpoints: false } && spec.Role is not (Role.Embedding or Role.RowProjection);
}

/// <summary>The order in which the rows of q and k are wanted: pairs of the rotary embedding as neighbours, or half a head apart.</summary>
internal enum RowOrder
{
    /// <summary>As they are.</summary>
    Kept,

    /// <summary>From a checkpoint's to that of GGUF.</summary>
    ToNeighbours,

    /// <summary>Back.</summary>
    FromNeighbours,
}

internal static class RowOrders
{
    /// <summary>What brings a file's rows to the model's order, or the model's to a file's.</summary>
    public static RowOrder Between(bool fromNeighbours, bool toNeighbours) =>
        fromNeighbours == toNeighbours ? RowOrder.Kept : toNeighbours ? RowOrder.ToNeighbours : RowOrder.FromNeighbours;

    /// <summary>A factor's rows in the other order, where they are such of q or k that GGUF reorders.</summary>
    public static LoraFactor Of(this RowOrder order, LoraFactor b, LoraPart part, ModelConfig config)
    {
        if (order == RowOrder.Kept || !part.Spec.PairsRows)
            return b;
        int head = config.Geometry[part.Target.Layer].HeadSize, turned = config.RotaryDimension;
        if (order == RowOrder.ToNeighbours)
            return b.Reordered(row => BackboneWriter.Unpaired(row, head, turned));
        int[] from = new int[b.Rows];
        for (int row = 0; row < from.Length; row++)
            from[BackboneWriter.Unpaired(row, head, turned)] = row;
        return b.Reordered(row => from[row]);
    }
}
