using MeKi.Model.Checkpoints;
using MeKi.Model.Files;
using MeKi.Model.Layers;
using static MeKi.Model.Architectures.TensorTable;

namespace MeKi.Model.Architectures;

/// <summary>
/// Llama 2 and 3 (Touvron et al., arXiv 2307.09288; Grattafiori et al., arXiv 2407.21783), and what has their layers: TinyLlama, SmolLM2, Mistral 7B. In GGUF
/// files of the family the rows of q and k are reordered, so that rotary pairs are neighbours.
/// </summary>
internal class Llama : Architecture
{
    public override string Name => "llama";

    public override IReadOnlyList<string> ModelTypes => ["llama", "mistral"];

    public override IReadOnlyList<ConfigKey> Keys { get; } = [.. CommonKeys.Decoder()];

    public override IReadOnlyList<TensorSpec> Tensors { get; } =
    [
        Embedding,
        Vector(Role.AttentionNorm, "attn_norm.weight", "input_layernorm.weight", Width),
        .. Paired(Biased(Role.Query, "attn_q", "self_attn.q_proj", QueryRows, Width)),
        .. Paired(Biased(Role.Key, "attn_k", "self_attn.k_proj", KeyRows, Width)),
        .. Biased(Role.Value, "attn_v", "self_attn.v_proj", KeyRows, Width),
        .. Biased(Role.AttentionOutput, "attn_output", "self_attn.o_proj", Width, QueryRows),
        Vector(Role.FeedForwardNorm, "ffn_norm.weight", "post_attention_layernorm.weight", Width),
        .. Biased(Role.Gate, "ffn_gate", "mlp.gate_proj", Inner, Width),
        .. Biased(Role.Up, "ffn_up", "mlp.up_proj", Inner, Width),
        .. Biased(Role.Down, "ffn_down", "mlp.down_proj", Width, Inner),
        .. Ending,
        .. LongRotary,
    ];

    public override IReadOnlyList<int> ReadWindows(JsonPlace json, int layers) => SlidingWindows.ReadOfAllLayers(json, layers);

    /// <summary>Attention, then the SwiGLU FFN (Shazeer, arXiv 2002.05202), each before its norm.</summary>
    public override void Layer(Pass p, LayerWeights w)
    {
        p.Normalize(p.X, w.AttentionNorm, p.H);
        p.QueriesKeysValues(p.H, w);
        p.Attend();
        p.Multiply((p.Attended, w.AttentionOutput, p.Y));
        p.Add(p.Y, p.X);

        p.Normalize(p.X, w.FeedForwardNorm, p.H);
        p.Multiply((p.H, w.Gate, p.G), (p.H, w.Up, p.U));
        p.Activate(p.G, p.U, w.Down);
        p.Multiply((p.Inner, w.Down, p.Y));
        p.Add(p.Y, p.X);
    }
}
