namespace MeKi.Model.Checkpoints;

/// <summary>Where a tensor lies in a checkpoint: rows <paramref name="First"/> to <paramref name="First"/> + <paramref name="Rows"/> of every <paramref name="Period"/> rows; period 0 is the whole tensor.</summary>
internal readonly record struct TensorPlace(string Name, int First = 0, int Rows = 0, int Period = 0);

/// <summary>
/// The three ways in which checkpoints name and stack their tensors, each a table from our names (GGUF's, docs/formats.md) to theirs. The scheme is recognised
/// by what the embedding is called.
/// </summary>
internal abstract class TensorNaming
{
    private static readonly TensorNaming[] Schemes = [new ReferenceNaming(), new DemoNaming(), new MegatronNaming()];

    /// <summary>The scheme's name, for messages.</summary>
    public abstract string Name { get; }

    /// <summary>What the branch's gate sees unless the configuration says: the Megatron code's gate is fed the residual.</summary>
    public virtual GateInput DefaultGateInput => GateInput.Normalized;

    /// <summary>Whether tables over the vocabulary may have more rows than the vocabulary, which no token uses.</summary>
    public virtual bool PadsVocabulary => false;

    /// <summary>Names under which a tensor may stand, the usual one first.</summary>
    /// <param name="name">Our name: <c>token_embd.weight</c>, <c>blk.3.attn_q.weight</c>.</param>
    /// <param name="config">Sizes, for stacked tensors.</param>
    public IEnumerable<TensorPlace> Places(string name, ModelConfig config)
    {
        if (!name.StartsWith("blk.", StringComparison.Ordinal))
            return GlobalPlaces(name);
        int dot = name.IndexOf('.', 4);
        return LayerPlaces(int.Parse(name.AsSpan(4, dot - 4), System.Globalization.CultureInfo.InvariantCulture), name[(dot + 1)..], config);
    }

    /// <summary>Finds the scheme whose embedding the checkpoint has.</summary>
    /// <exception cref="ModelFileException">None.</exception>
    public static TensorNaming Recognize(IEnumerable<string> tensors, string path)
    {
        HashSet<string> names = [.. tensors];
        return Array.Find(Schemes, scheme => scheme.GlobalPlaces("token_embd.weight").Any(place => names.Contains(place.Name)))
            ?? throw new ModelFileException(path, "tensor names", "no naming scheme is recognised: there is no "
                + string.Join(", ", Schemes.Select(scheme => $"'{scheme.GlobalPlaces("token_embd.weight").First().Name}' ({scheme.Name})")), "Check that this is a Qwen3 or MeKi checkpoint");
    }

    protected abstract IEnumerable<TensorPlace> GlobalPlaces(string name);

    protected abstract IEnumerable<TensorPlace> LayerPlaces(int layer, string name, ModelConfig config);
}

/// <summary>The names of Hugging Face's Qwen3 with the branch as <c>meki</c>: the reference checkpoints.</summary>
internal class ReferenceNaming : TensorNaming
{
    private static readonly Dictionary<string, string> Layer = new()
    {
        ["attn_norm.weight"] = "input_layernorm.weight",
        ["attn_q.weight"] = "self_attn.q_proj.weight",
        ["attn_k.weight"] = "self_attn.k_proj.weight",
        ["attn_v.weight"] = "self_attn.v_proj.weight",
        ["attn_q_norm.weight"] = "self_attn.q_norm.weight",
        ["attn_k_norm.weight"] = "self_attn.k_norm.weight",
        ["attn_output.weight"] = "self_attn.o_proj.weight",
        ["ffn_norm.weight"] = "post_attention_layernorm.weight",
        ["ffn_gate.weight"] = "mlp.gate_proj.weight",
        ["ffn_up.weight"] = "mlp.up_proj.weight",
        ["ffn_down.weight"] = "mlp.down_proj.weight",
        ["meki_gate.weight"] = "meki.gate_proj.weight",
        ["meki_out.weight"] = "meki.out_proj.weight",
        ["meki_post_norm.weight"] = "meki.post_norm.weight",
        ["meki_mix_norm.weight"] = "meki.mix_norm.weight",
        ["meki_memory.weight"] = "meki.memory.weight",
        ["meki_alpha"] = "meki.alpha",
        ["meki_beta"] = "meki.beta",
        ["meki_projection_gate.weight"] = "meki.projection.gate_proj.weight",
        ["meki_projection_up.weight"] = "meki.projection.up_proj.weight",
        ["meki_projection_down.weight"] = "meki.projection.down_proj.weight",
        ["meki_projection_norm.weight"] = "meki.projection.norm.weight",
    };

    public override string Name => "reference";

    protected override IEnumerable<TensorPlace> GlobalPlaces(string name) => [new(name switch
    {
        "token_embd.weight" => "model.embed_tokens.weight",
        "output_norm.weight" => "model.norm.weight",
        _ => "lm_head.weight",
    })];

    protected override IEnumerable<TensorPlace> LayerPlaces(int layer, string name, ModelConfig config) => [new($"model.layers.{layer}.{Layer[name]}")];
}

/// <summary>The names of the authors' demo module on the same backbone: <c>meki_module</c>, with or without the prefix <c>model.</c> and the ending <c>.weight</c>.</summary>
internal sealed class DemoNaming : ReferenceNaming
{
    private static readonly (string Reference, string Demo)[] Renamed =
    [
        ("model.embed_tokens.", "model.word_emb."),
        (".meki.memory.", ".meki_module.embeddings."),
        (".meki.alpha", ".meki_module.alpha_scale"),
        (".meki.beta", ".meki_module.beta_scale"),
        (".meki.projection.", ".meki_module.word_emb_projection."),
        (".meki.", ".meki_module."),
    ];

    public override string Name => "demo";

    protected override IEnumerable<TensorPlace> GlobalPlaces(string name) => base.GlobalPlaces(name).SelectMany(Variants);

    protected override IEnumerable<TensorPlace> LayerPlaces(int layer, string name, ModelConfig config) => base.LayerPlaces(layer, name, config).SelectMany(Variants);

    private static IEnumerable<TensorPlace> Variants(TensorPlace place)
    {
        string name = place.Name;
        foreach ((string reference, string demo) in Renamed)
            name = name.Replace(reference, demo, StringComparison.Ordinal);
        string bare = name.StartsWith("model.", StringComparison.Ordinal) ? name["model.".Length..] : name;
        string[] full = name.EndsWith(".weight", StringComparison.Ordinal) ? [bare, bare[..^".weight".Length]] : [bare, bare + ".weight"];
        return full.SelectMany(variant => new TensorPlace[] { new(variant), new("model." + variant) });
    }
}

/// <summary>The state dict of the released Megatron training code: q, k, v stacked per KV group, gate and up stacked, pre-norms inside the linears they feed.</summary>
internal sealed class MegatronNaming : TensorNaming
{
    public override string Name => "Megatron";

    public override GateInput DefaultGateInput => GateInput.Residual;

    public override bool PadsVocabulary => true;

    protected override IEnumerable<TensorPlace> GlobalPlaces(string name) => [new(name switch
    {
        "token_embd.weight" => "embedding.word_embeddings.weight",
        "output_norm.weight" => "decoder.final_layernorm.weight",
        _ => "output_layer.weight",
    })];

    protected override IEnumerable<TensorPlace> LayerPlaces(int layer, string name, ModelConfig config)
    {
        int ffn = config.FeedForwardSize, inner = config.HiddenSize / 2, head = config.HeadDimension;
        int queries = config.Heads / config.KvHeads * head;
        TensorPlace place = name switch
        {
            "attn_norm.weight" => new("self_attention.linear_qkv.layer_norm_weight"),
            "attn_q.weight" => new("self_attention.linear_qkv.weight", 0, queries, queries + 2 * head),
            "attn_k.weight" => new("self_attention.linear_qkv.weight", queries, head, queries + 2 * head),
            "attn_v.weight" => new("self_attention.linear_qkv.weight", queries + head, head, queries + 2 * head),
            "attn_q_norm.weight" => new("self_attention.q_layernorm.weight"),
            "attn_k_norm.weight" => new("self_attention.k_layernorm.weight"),
            "attn_output.weight" => new("self_attention.linear_proj.weight"),
            "ffn_norm.weight" => new("mlp.linear_fc1.layer_norm_weight"),
            "ffn_gate.weight" => new("mlp.linear_fc1.weight", 0, ffn, 2 * ffn),
            "ffn_up.weight" => new("mlp.linear_fc1.weight", ffn, ffn, 2 * ffn),
            "ffn_down.weight" => new("mlp.linear_fc2.weight"),
            "meki_gate.weight" => new("meki_module.gate_proj.weight"),
            "meki_out.weight" => new("meki_module.out_proj.weight"),
            "meki_post_norm.weight" => new("meki_module.post_norm.weight"),
            "meki_mix_norm.weight" => new("meki_module.mix_norm.weight"),
            "meki_memory.weight" => new("meki_module.embeddings.weight"),
            "meki_alpha" => new("meki_module.alpha_scale"),
            "meki_beta" => new("meki_module.beta_scale"),
            "meki_projection_gate.weight" => new("meki_module.word_emb_projection.linear_fc1.weight", 0, inner, 2 * inner),
            "meki_projection_up.weight" => new("meki_module.word_emb_projection.linear_fc1.weight", inner, inner, 2 * inner),
            "meki_projection_down.weight" => new("meki_module.word_emb_projection.linear_fc2.weight"),
            _ => new("meki_module.word_emb_projection.linear_fc1.layer_norm_weight"),
        };
        return [place with { Name = $"decoder.layers.{layer}.{place.Name}" }];
    }
}
