using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using static MeKi.Model.Architectures.TensorTable;

namespace MeKi.Model.Architectures;

/// <summary>Qwen 3, dense (arXiv 2505.09388): layers of <see cref="Llama"/> with an RMSNorm of each query and key head, and Qwen's windows.</summary>
internal class Qwen3 : Llama
{
    public override string Name => "qwen3";

    public override IReadOnlyList<string> ModelTypes => ["qwen3"];

    public override IReadOnlyList<ConfigKey> Keys { get; } = [.. CommonKeys.Decoder(), new FixedKey("attention_bias", "false")];

    public override IReadOnlyList<TensorSpec> Tensors { get; } =
    [
        Embedding.Megatron("embedding.word_embeddings.weight"),
        Vector(Role.AttentionNorm, "attn_norm.weight", "input_layernorm.weight", Width).Megatron("self_attention.linear_qkv.layer_norm_weight"),
        Matrix(Role.Query, "attn_q.weight", "self_attn.q_proj.weight", QueryRows, Width).Megatron(GroupOf(0, c => c.Heads / c.KvHeads)),
        Matrix(Role.Key, "attn_k.weight", "self_attn.k_proj.weight", KeyRows, Width).Megatron(GroupOf(1, _ => 1)),
        Matrix(Role.Value, "attn_v.weight", "self_attn.v_proj.weight", KeyRows, Width).Megatron(GroupOf(2, _ => 1)),
        Vector(Role.QueryNorm, "attn_q_norm.weight", "self_attn.q_norm.weight", HeadSize)
            .Megatron("self_attention.q_layernorm.weight") with { Optional = true },
        Vector(Role.KeyNorm, "attn_k_norm.weight", "self_attn.k_norm.weight", HeadSize)
            .Megatron("self_attention.k_layernorm.weight") with { Optional = true, With = Role.QueryNorm },
        Matrix(Role.AttentionOutput, "attn_output.weight", "self_attn.o_proj.weight", Width, QueryRows).Megatron("self_attention.linear_proj.weight"),
        Vector(Role.FeedForwardNorm, "ffn_norm.weight", "post_attention_layernorm.weight", Width).Megatron("mlp.linear_fc1.layer_norm_weight"),
        Matrix(Role.Gate, "ffn_gate.weight", "mlp.gate_proj.weight", Inner, Width).Megatron(HalfOf("mlp.linear_fc1.weight", 0, c => c.FeedForwardSize)),
        Matrix(Role.Up, "ffn_up.weight", "mlp.up_proj.weight", Inner, Width).Megatron(HalfOf("mlp.linear_fc1.weight", 1, c => c.FeedForwardSize)),
        Matrix(Role.Down, "ffn_down.weight", "mlp.down_proj.weight", Width, Inner).Megatron("mlp.linear_fc2.weight"),
        Ending[0].Megatron("decoder.final_layernorm.weight"),
        .. Ending[1..^1],
        Ending[^1].Megatron("output_layer.weight"),
    ];

    // Checkpoints with the branch say qwen3, too.
    public override Architecture Refine(JsonPlace json, Func<TensorSpec, bool> has)
    {
        Architecture branched = All.First(each => each is Qwen3MeKi);
        bool told = branched.Keys.OfType<IntKey>().Last().Names.Any(name => json.TryInt(name) > 0);
        return told || has(branched.Tensors.First(spec => spec.Role == Role.MixNorm)) ? branched : All.First(each => each.GetType() == typeof(Qwen3));
    }

    public override IReadOnlyList<int> ReadWindows(JsonPlace json, int layers) => SlidingWindows.ReadQwen(json, layers);

    /// <summary>Megatron stacks two matrices of as many rows.</summary>
    protected static TensorName HalfOf(string name, int half, Func<ModelConfig, int> rows) => new(name, (c, _) => new(half * rows(c), rows(c), 2 * rows(c)));

    // Megatron stacks, for each KV head, its query heads, then the key head, then the value head.
    private static TensorName GroupOf(int part, Func<ModelConfig, int> heads) => new("self_attention.linear_qkv.weight", (c, _) =>
    {
        int queries = c.Heads / c.KvHeads, first = part == 0 ? 0 : queries + part - 1;
        return new(first * c.HeadDimension, heads(c) * c.HeadDimension, (queries + 2) * c.HeadDimension);
    });
}
