using MeKi.Model.Architectures;
using MeKi.Model.Gguf;
using MeKi.Quant;

namespace MeKi.Model.Conversion;

/// <summary>
/// Which block format each matrix of a model is stored in: what <c>llama-quantize</c> chooses for the type of that name without an importance matrix, which
/// spends more bits where a model is most sensitive. <c>q4_k</c> and <c>q5_k</c> are one format for all matrices, as with its <c>--pure</c>. Vectors and norms
/// are no matter of a recipe; they stay as they are.
/// </summary>
public sealed class WeightRecipe
{
    private const uint QuantizationVersion = 2; // of the block layouts; what every GGUF file since 2023 has

    private readonly BlockFormat _base;
    private readonly Mixture _mixture;
    private readonly uint _fileType;

    private WeightRecipe(string name, GgmlType type, Mixture mixture, uint fileType) =>
        (Name, _base, _mixture, _fileType) = (name, BlockFormat.Of(type), mixture, fileType);

    private enum Mixture
    {
        /// <summary>One format for all matrices.</summary>
        None,

        /// <summary>Q6_K for the head.</summary>
        Head,

        /// <summary>Q6_K for the head, Q5_K for a few others.</summary>
        NonLinear,

        /// <summary>Q6_K for the head and for the sensitive matrices of half of the layers.</summary>
        Medium,
    }

    /// <summary>llama.cpp's mixture <c>Q4_K_M</c>: Q4_K; Q6_K for the head, and for <c>attn_v</c> and <c>ffn_down</c> of half of the layers.</summary>
    public static WeightRecipe Q4_K_M { get; } = new("q4_k_m", GgmlType.Q4_K, Mixture.Medium, 15);

    /// <summary>llama.cpp's mixture <c>Q5_K_M</c>: as <see cref="Q4_K_M"/>, with Q5_K for the rest.</summary>
    public static WeightRecipe Q5_K_M { get; } = new("q5_k_m", GgmlType.Q5_K, Mixture.Medium, 17);

    /// <summary>Every recipe: one for each of <see cref="BlockFormat.All"/>, then the mixtures.</summary>
    public static IReadOnlyList<WeightRecipe> All { get; } =
        [.. BlockFormat.All.Select(format => new WeightRecipe(format.Name, format.Type, MixtureOf(format.Type), FileTypeOf(format.Type))), Q4_K_M, Q5_K_M];

    /// <summary>The name as users write it: <c>q4_k_m</c>.</summary>
    public string Name { get; }

    /// <summary>
    /// The recipe that has a format's name: that format for all matrices; the head in Q6_K for a format of four to six bits that is no K format.
    /// </summary>
    /// <exception cref="NotSupportedException">The engine does not encode the type.</exception>
    public static WeightRecipe Of(GgmlType type)
    {
        string name = BlockFormat.Of(type).Name;
        return All.First(recipe => recipe.Name == name);
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    /// <summary>The format of a matrix (the facts are those of llama.cpp's <c>llama-quant.cpp</c>).</summary>
    /// <param name="spec">What it is for; of stacked matrices the first.</param>
    /// <param name="layer">Whose it is.</param>
    /// <param name="columns">Values of a row.</param>
    /// <param name="config">The model's sizes.</param>
    internal BlockFormat FormatOf(TensorSpec spec, int layer, int columns, ModelConfig config) => Fitting(TypeOf(spec, layer, columns, config), columns);

    /// <summary>Tells readers what the file mostly consists of.</summary>
    internal void WriteTo(GgufMetadata metadata)
    {
        metadata["general.quantization_version"] = QuantizationVersion;
        metadata["general.file_type"] = _fileType;
    }

    private GgmlType TypeOf(TensorSpec spec, int layer, int columns, ModelConfig config)
    {
        if (spec.StaysPrecise)
            return _base.BlockSize == 1 ? _base.Type : GgmlType.F16;
        // A table of rows is taken for an embedding, and a tied one for the head.
        if (config.TiedHead ? spec.Role is Role.Embedding or Role.RowTable : spec.Role == Role.Head)
            return _mixture == Mixture.None ? _base.Type : columns % _base.BlockSize == 0 ? GgmlType.Q6_K : GgmlType.Q8_0;
        bool stacked = spec.Gguf.Part is not null;
        return _mixture switch
        {
            Mixture.Medium when spec.Role is Role.Value or Role.Down && HasMoreBits(layer, config.Layers) => GgmlType.Q6_K,
            Mixture.Medium when spec.Role == Role.Query && stacked => _base.Type == GgmlType.Q4_K ? GgmlType.Q5_K : GgmlType.Q6_K,
            Mixture.NonLinear when spec.Role == Role.Value && config.Heads / config.KvHeads >= 4 => GgmlType.Q5_K,
            Mixture.NonLinear when spec.Role == Role.Down && layer < config.Layers / 8 => GgmlType.Q5_K,
            _ => _base.Type,
        };
    }

    // The first and the last eighth of the layers, and every third between.
    private static bool HasMoreBits(int layer, int layers) => layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;

    /// <summary>The format itself where a row is whole blocks of it; else the next larger one with blocks of 32; else half precision.</summary>
    private static BlockFormat Fitting(GgmlType type, int columns)
    {
        BlockFormat format = BlockFormat.Of(type);
        if (columns % format.BlockSize == 0)
            return format;
        return type switch
        {
            GgmlType.Q2_K or GgmlType.Q3_K => Fitting(GgmlType.IQ4_NL, columns),
            GgmlType.Q4_K => Fitting(GgmlType.Q5_0, columns),
            GgmlType.Q5_K => Fitting(GgmlType.Q5_1, columns),
            GgmlType.Q6_K => Fitting(GgmlType.Q8_0, columns),
            _ => BlockFormat.Of(GgmlType.F16),
        };
    }

    private static Mixture MixtureOf(GgmlType type) => type switch
    {
        GgmlType.Q4_0 or GgmlType.Q4_1 or GgmlType.Q5_0 or GgmlType.Q5_1 or GgmlType.Q6_K => Mixture.Head,
        GgmlType.IQ4_NL => Mixture.NonLinear,
        _ => Mixture.None,
    };

    // llama.cpp's enumeration llama_ftype.
    private static uint FileTypeOf(GgmlType type) => type switch
    {
        GgmlType.F32 => 0,
        GgmlType.F16 => 1,
        GgmlType.Q4_0 => 2,
        GgmlType.Q4_1 => 3,
        GgmlType.Q8_0 => 7,
        GgmlType.Q5_0 => 8,
        GgmlType.Q5_1 => 9,
        GgmlType.Q2_K => 10,
        GgmlType.Q3_K => 11,
        GgmlType.Q4_K => 14,
        GgmlType.Q5_K => 16,
        GgmlType.Q6_K => 18,
        GgmlType.IQ4_NL => 25,
        GgmlType.BF16 => 32,
        _ => throw new NotSupportedException($"{type} has no file type."),
    };
}
