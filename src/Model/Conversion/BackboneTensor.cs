using System.Collections.Immutable;
using MeKi.Model.Checkpoints;
using MeKi.Model.Gguf;
using MeKi.Quant;
using MeKi.Quant.Panels;

namespace MeKi.Model.Conversion;

/// <summary>A tensor of <c>model.gguf</c>: what a model of some sizes consists of, and how each part is stored.</summary>
/// <param name="Name">Its name (docs/formats.md).</param>
/// <param name="Rows">Rows; 1 for a vector.</param>
/// <param name="Columns">Values of a row.</param>
/// <param name="Format">How the values are stored.</param>
/// <param name="InPanels">Whether its rows lie in panels.</param>
internal sealed record BackboneTensor(string Name, int Rows, int Columns, BlockFormat Format, bool InPanels)
{
    /// <summary>Whether this is the weight of a norm.</summary>
    public bool IsVector => Rows == 1;

    /// <summary>Bytes of a row.</summary>
    public int RowBytes => checked((int)Format.RowBytes(Columns));

    /// <summary>The tensor's type in the file.</summary>
    public GgmlType Type => Panels?.TensorType ?? Format.Type;

    private PanelFormat? Panels => InPanels ? PanelFormat.Find(Format.Type) : null;

    /// <summary>Whether a matrix can be stored in panels: its format has them, and its rows are whole panels.</summary>
    public static bool FitsPanels(int rows, BlockFormat format) => rows % PanelFormat.Rows == 0 && PanelFormat.Find(format.Type) is not null;

    /// <summary>The tensors of a model, in file order.</summary>
    /// <param name="config">The model's sizes.</param>
    /// <param name="recipe">Formats of the matrices. Vectors are F32.</param>
    /// <param name="panels">Whether matrices are stored in panels where they can be.</param>
    public static List<BackboneTensor> List(ModelConfig config, WeightRecipe recipe, bool panels)
    {
        List<BackboneTensor> tensors = [];
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
        if (GgufRopeScaling.Divisors(config) is not null)
            Add(GgufRopeScaling.DivisorsName, 1, config.HeadDimension / 2);
        if (!config.TiedHead)
            Add("output.weight", config.VocabularySize, d);
        return tensors;

        void Add(string name, int rows, int columns)
        {
            BlockFormat format = rows == 1 ? BlockFormat.Of(GgmlType.F32) : recipe.FormatOf(name, columns, config);
            tensors.Add(new(name, rows, columns, format, panels && FitsPanels(rows, format)));
        }
    }

    /// <summary>The tensor as the file's writer takes it.</summary>
    /// <param name="blocks">Encodes the rows.</param>
    /// <param name="encode">Gives a row's bytes.</param>
    /// <param name="advance">Told the bytes written.</param>
    public GgufTensorSource ToSource(RowBlocks blocks, EncodeRow encode, Action<long> advance)
    {
        ImmutableArray<long> dimensions = IsVector ? [Columns] : [Columns, Rows];
        return new(Name, Type, dimensions, (stream, cancellationToken) => blocks.Run(Rows, RowBytes, Columns, Panels, encode, block =>
        {
            stream.Write(block);
            advance(block.Length);
        }, cancellationToken));
    }
}
