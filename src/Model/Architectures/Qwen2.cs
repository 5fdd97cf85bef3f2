using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using static MeKi.Model.Architectures.TensorTable;

namespace MeKi.Model.Architectures;

/// <summary>Qwen 2 and 2.5 (arXiv 2407.10671, 2412.15115): layers of <see cref="Llama"/> with biases of q, k and v, and Qwen's windows.</summary>
internal sealed class Qwen2 : Llama
{
    public override string Name => "qwen2";

    public override IReadOnlyList<string> ModelTypes => ["qwen2"];

    public override IReadOnlyList<TensorSpec> Tensors { get; } =
    [
        Embedding,
        Vector(Role.AttentionNorm, "attn_norm.weight", "input_layernorm.weight", Width),
        .. Biased(Role.Query, "attn_q", "self_attn.q_proj", QueryRows, Width, optional: false),
        .. Biased(Role.Key, "attn_k", "self_attn.k_proj", KeyRows, Width, optional: false),
        .. Biased(Role.Value, "attn_v", "self_attn.v_proj", KeyRows, Width, optional: false),
        Matrix(Role.AttentionOutput, "attn_output.weight", "self_attn.o_proj.weight", Width, QueryRows),
        Vector(Role.FeedForwardNorm, "ffn_norm.weight", "post_attention_layernorm.weight", Width),
        Matrix(Role.Gate, "ffn_gate.weight", "mlp.gate_proj.weight", Inner, Width),
        Matrix(Role.Up, "ffn_up.weight", "mlp.up_proj.weight", Inner, Width),
        Matrix(Role.Down, "ffn_down.weight", "mlp.down_proj.weight", Width, Inner),
        .. Ending,
    ];

    public override IReadOnlyList<int> ReadWindows(JsonPlace json, int layers) => SlidingWindows.ReadQwen(json, layers);
}
