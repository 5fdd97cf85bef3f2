using static MeKi.Model.Architectures.TensorTable;

namespace MeKi.Model.Architectures;

/// <summary>
/// Phi 3, 3.5 and 4 mini (Abdin et al., arXiv 2404.14219): layers of <see cref="Llama"/> whose q, k and v lie in one tensor, gate and up in another, with
/// factors of the rotary frequencies for long contexts (LongRoPE, Ding et al., arXiv 2402.13753).
/// </summary>
internal sealed class Phi3 : Llama
{
    public override string Name => "phi3";

    public override IReadOnlyList<string> ModelTypes => ["phi3"];

    public override IReadOnlyList<ConfigKey> Keys { get; } = [.. CommonKeys.Decoder(normEps: 1e-5f)];

    public override IReadOnlyList<TensorSpec> Tensors { get; } =
    [
        Embedding,
        Vector(Role.AttentionNorm, "attn_norm.weight", "input_layernorm.weight", Width),
        Fused(Role.Query, "attn_qkv.weight", "self_attn.qkv_proj.weight", QueryRows, c => new(0, c.Heads * c.HeadDimension, QkvRows(c))),
        Fused(Role.Key, "attn_qkv.weight", "self_attn.qkv_proj.weight", KeyRows, c => new(c.Heads * c.HeadDimension, c.KvHeads * c.HeadDimension, QkvRows(c))),
        Fused(Role.Value, "attn_qkv.weight", "self_attn.qkv_proj.weight", KeyRows,
            c => new((c.Heads + c.KvHeads) * c.HeadDimension, c.KvHeads * c.HeadDimension, QkvRows(c))),
        Matrix(Role.AttentionOutput, "attn_output.weight", "self_attn.o_proj.weight", Width, QueryRows),
        Vector(Role.FeedForwardNorm, "ffn_norm.weight", "post_attention_layernorm.weight", Width),
        Fused(Role.Gate, "ffn_up.weight", "mlp.gate_up_proj.weight", Inner, c => new(0, c.FeedForwardSize, 2 * c.FeedForwardSize)),
        Fused(Role.Up, "ffn_up.weight", "mlp.gate_up_proj.weight", Inner, c => new(c.FeedForwardSize, c.FeedForwardSize, 2 * c.FeedForwardSize)),
        Matrix(Role.Down, "ffn_down.weight", "mlp.down_proj.weight", Width, Inner),
        .. Ending,
        .. LongRotary,
    ];

    private static int QkvRows(ModelConfig config) => (config.Heads + 2 * config.KvHeads) * config.HeadDimension;

    private static TensorSpec Fused(Role role, string gguf, string huggingFace, Size rows, Func<ModelConfig, Stack> part) =>
        Matrix(role, new(gguf, (c, _) => part(c)), new(huggingFace, (c, _) => part(c)), rows, Width);
}
