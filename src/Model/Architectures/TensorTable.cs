namespace MeKi.Model.Architectures;

/// <summary>The words that tables of tensors are written in.</summary>
internal static class TensorTable
{
    public static int Vocabulary(ModelConfig config, int layer) => config.VocabularySize;

    /// <summary>d, of the residual stream.</summary>
    public static int Width(ModelConfig config, int layer) => config.HiddenSize;

    /// <summary>Heads · D.</summary>
    public static int QueryRows(ModelConfig config, int layer) => config.Geometry[layer].QueryWidth;

    /// <summary>KV heads · D.</summary>
    public static int KeyRows(ModelConfig config, int layer) => config.Geometry[layer].KeyWidth;

    /// <summary>D.</summary>
    public static int HeadSize(ModelConfig config, int layer) => config.Geometry[layer].HeadSize;

    /// <summary>Pairs that the rotary embedding turns, at most D/2.</summary>
    public static int Pairs(ModelConfig config, int layer) => config.RotaryDimension / 2;

    /// <summary>Width of the FFN.</summary>
    public static int Inner(ModelConfig config, int layer) => config.Geometry[layer].FeedForward;

    /// <summary>m, of the token-row branch.</summary>
    public static int Memory(ModelConfig config, int layer) => config.MemoryDimension;

    /// <summary>d/2, of the training form's projection.</summary>
    public static int Projection(ModelConfig config, int layer) => config.HiddenSize / 2;

    /// <summary>A matrix of every layer, [rows × columns].</summary>
    public static TensorSpec Matrix(Role role, TensorName gguf, TensorName? huggingFace, Size rows, Size columns) =>
        new(role, gguf, huggingFace, rows, columns);

    /// <summary>A vector of every layer, [length].</summary>
    public static TensorSpec Vector(Role role, TensorName gguf, TensorName? huggingFace, Size length) =>
        new(role, gguf, huggingFace, (_, _) => 1, length) { IsVector = true };

    /// <summary>A matrix of every layer, and its bias, whose role follows the matrix's.</summary>
    /// <param name="role">The matrix's.</param>
    /// <param name="gguf">Its name without the ending.</param>
    /// <param name="huggingFace">Likewise.</param>
    /// <param name="rows">Rows, and values of the bias.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="optional">Whether files may go without the bias.</param>
    public static TensorSpec[] Biased(Role role, string gguf, string huggingFace, Size rows, Size columns, bool optional = true) =>
    [
        Matrix(role, $"{gguf}.weight", $"{huggingFace}.weight", rows, columns),
        Vector(role + 1, $"{gguf}.bias", $"{huggingFace}.bias", rows) with { Optional = optional },
    ];

    /// <summary>The embedding.</summary>
    public static TensorSpec Embedding { get; } =
        Matrix(Role.Embedding, "token_embd.weight", "model.embed_tokens.weight", Vocabulary, Width) with { PerLayer = false, OverVocabulary = true };

    /// <summary>What stands behind the layers: the last norm, divisors of the rotary frequencies, and the head where it is not the embedding.</summary>
    public static TensorSpec[] Ending { get; } =
    [
        Vector(Role.FinalNorm, "output_norm.weight", "model.norm.weight", Width) with { PerLayer = false },
        Vector(Role.RotaryDivisors, "rope_freqs.weight", null, Pairs) with { PerLayer = false, Optional = true },
        Matrix(Role.Head, "output.weight", "lm_head.weight", Vocabulary, Width) with { PerLayer = false, OverVocabulary = true, Optional = true },
    ];

    /// <summary>LongRoPE's factors.</summary>
    public static TensorSpec[] LongRotary { get; } =
    [
        Vector(Role.LongRotaryDivisors, "rope_factors_long.weight", null, Pairs) with { PerLayer = false, Optional = true },
        Vector(Role.ShortRotaryDivisors, "rope_factors_short.weight", null, Pairs) with { PerLayer = false, Optional = true, With = Role.LongRotaryDivisors },
    ];

    /// <summary>The same specifications with rows that GGUF reorders (<see cref="TensorSpec.PairsRows"/>).</summary>
    public static IEnumerable<TensorSpec> Paired(params TensorSpec[] specs) => specs.Select(spec => spec with { PairsRows = true });

    /// <summary>The same with its name in Megatron's state dict.</summary>
    public static TensorSpec Megatron(this TensorSpec spec, TensorName name) => spec with { Megatron = name };
}
