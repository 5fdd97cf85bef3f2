namespace MeKi.Model.Checkpoints;

/// <summary>The tensors of a layer by the names that GGUF gives them, without their <c>blk.N.</c> (docs/formats.md).</summary>
internal static class ModelTensors
{
    /// <summary>What every layer has.</summary>
    public static IReadOnlyList<string> Layer { get; } =
    [
        "attn_norm.weight", "attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight",
        "ffn_norm.weight", "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight",
    ];

    /// <summary>The norms of queries and keys: all layers have them or none.</summary>
    public static IReadOnlyList<string> QkNorms { get; } = ["attn_q_norm.weight", "attn_k_norm.weight"];

    /// <summary>What the MeKi branch keeps in memory.</summary>
    public static IReadOnlyList<string> Branch { get; } = ["meki_gate.weight", "meki_out.weight", "meki_post_norm.weight"];

    /// <summary>What every training form of the branch has.</summary>
    public static IReadOnlyList<string> TrainingForm { get; } = ["meki_mix_norm.weight", "meki_alpha"];

    /// <summary>M: all layers have it or none, a dynamic-only model.</summary>
    public const string Memory = "meki_memory.weight";

    /// <summary>G: all layers have it or none, a static-only model.</summary>
    public static IReadOnlyList<string> Projection { get; } = ["meki_projection_gate.weight", "meki_projection_up.weight", "meki_projection_down.weight"];

    /// <summary>The weight of the norm on G's input: all layers have it or none.</summary>
    public const string ProjectionNorm = "meki_projection_norm.weight";

    /// <summary>What G is multiplied with: needed where there is a G, of no use where there is none.</summary>
    public const string Beta = "meki_beta";
}
