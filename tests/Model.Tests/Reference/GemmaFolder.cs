using System.Globalization;
using System.Text.Json.Nodes;
using MeKi.Model.Gguf;

namespace MeKi.Model.Tests.Reference;

/// <summary>
/// Gemma's part of <see cref="HuggingFaceFolder"/>. The families show three ways of lying in a folder: the text part of a model that sees, as older and as
/// newer transformers write it, and a text model alone.
/// </summary>
internal static class GemmaFolder
{
    private static readonly (string Gguf, string HuggingFace)[] Names =
    [
        ("token_embd.", "embed_tokens."), ("output_norm.", "norm."), ("per_layer_token_embd.", "embed_tokens_per_layer."),
        ("per_layer_model_proj.", "per_layer_model_projection."), ("per_layer_proj_norm.", "per_layer_projection_norm."),
        ("attn_norm.", "input_layernorm."), ("attn_q_norm.", "self_attn.q_norm."), ("attn_k_norm.", "self_attn.k_norm."),
        ("attn_q.", "self_attn.q_proj."), ("attn_k.", "self_attn.k_proj."), ("attn_v.", "self_attn.v_proj."), ("attn_output.", "self_attn.o_proj."),
        ("post_attention_norm.", "post_attention_layernorm."), ("ffn_norm.", "pre_feedforward_layernorm."), ("post_ffw_norm.", "post_feedforward_layernorm."),
        ("ffn_gate.", "mlp.gate_proj."), ("ffn_up.", "mlp.up_proj."), ("ffn_down.", "mlp.down_proj."),
        ("inp_gate.", "per_layer_input_gate."), ("proj.", "per_layer_projection."), ("post_norm.", "post_per_layer_input_norm."),
        ("layer_output_scale.weight", "layer_scalar"), ("laurel_l.", "laurel.linear_left."), ("laurel_r.", "laurel.linear_right."),
        ("laurel_post_norm.", "laurel.post_laurel_norm."), ("altup_router_norm.", "altup.router_norm."), ("altup_router.", "altup.modality_router."),
        ("altup_predict_coef.", "altup.prediction_coefs."), ("altup_correct_coef.", "altup.correction_coefs."),
        ("altup_correct_scale.weight", "altup.correct_output_scale"), ("altup_proj.", "altup_projections."),
            ("altup_unembd_proj.", "altup_unembed_projections."),
    ];

    public static bool Has(string family) => family.StartsWith("gemma", StringComparison.Ordinal);

    public static IEnumerable<(string Name, long[] Shape, float[] Values)> Tensors(GgufTensor tensor, string family, float[] values)
    {
        string prefix = family switch { "gemma3" => "language_model.model.", "gemma4" => "model.language_model.", _ => "model." };
        string name = tensor.Name;
        if (name == "token_embd.weight" && family != "gemma3n")
            yield return (family == "gemma3" ? "vision_tower.patch.weight" : "model.vision_embedder.patch_dense.weight", [2], [1, 2]);
        if (name.StartsWith("blk.", StringComparison.Ordinal))
        {
            int dot = name.IndexOf('.', 4);
            (prefix, name) = ($"{prefix}layers.{name[4..dot]}.", name[(dot + 1)..]);
        }
        // Norms of Gemma 3 are 1 + w.
        if (family == "gemma3" && name.EndsWith("_norm.weight", StringComparison.Ordinal))
            values = Array.ConvertAll(values, value => value - 1);
        (string from, string to) = Names.First(pair => name.StartsWith(pair.Gguf, StringComparison.Ordinal));
        long[] shape = [.. tensor.Dimensions.Reverse()];
        if (shape.Length < 3)
        {
            yield return (prefix + to + name[from.Length..], shape, values);
            yield break;
        }
        int length = (int)(shape[1] * shape[2]);
        for (int i = 0; i < shape[0]; i++)
            yield return ($"{prefix}{to}{i}.weight", shape[1..], values[(i * length)..((i + 1) * length)]);
    }

    public static JsonObject Config(GgufFile file, string family)
    {
        JsonObject text = new()
        {
            ["model_type"] = family + "_text",
            ["vocab_size"] = Int("vocab_size"),
            ["hidden_size"] = Int("embedding_length"),
            ["num_hidden_layers"] = Int("block_count"),
            ["num_attention_heads"] = Int("attention.head_count"),
            ["num_key_value_heads"] = Int("attention.head_count_kv"),
            ["max_position_embeddings"] = Int("context_length"),
            ["rms_norm_eps"] = Float("attention.layer_norm_rms_epsilon"),
            ["sliding_window"] = Int("attention.sliding_window"),
            ["hidden_activation"] = "gelu_pytorch_tanh",
        };
        switch (family)
        {
            case "gemma3":
                text["intermediate_size"] = Int("feed_forward_length");
                text["head_dim"] = Int("attention.key_length");
                text["query_pre_attn_scalar"] = Int("attention.key_length");
                text["rope_theta"] = Float("rope.freq_base");
                text["rope_local_base_freq"] = 10000;
                text["rope_scaling"] = new JsonObject { ["rope_type"] = "linear", ["factor"] = Float("rope.scaling.factor") };
                text["sliding_window_pattern"] = 6;
                text["final_logit_softcapping"] = null;
                return new() { ["model_type"] = family, ["text_config"] = text, ["vision_config"] = new JsonObject() };
            case "gemma4":
                text["intermediate_size"] = file.Metadata.Get<int[]>("gemma4.feed_forward_length")[0];
                text["use_double_wide_mlp"] = true;
                text["head_dim"] = Int("attention.key_length_swa");
                text["global_head_dim"] = Int("attention.key_length");
                text["num_kv_shared_layers"] = Int("attention.shared_kv_layers");
                text["hidden_size_per_layer_input"] = Int("embedding_length_per_layer_input");
                text["vocab_size_per_layer_input"] = Int("vocab_size");
                text["final_logit_softcapping"] = Float("final_logit_softcapping");
                text["layer_types"] = Types();
                text["rope_parameters"] = new JsonObject
                {
                    ["sliding_attention"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = Float("rope.freq_base_swa") },
                    ["full_attention"] = new JsonObject { ["rope_type"] = "proportional", ["rope_theta"] = Float("rope.freq_base"), ["partial_rotary_factor"] =
                        0.25 },
                };
                return new() { ["model_type"] = family, ["text_config"] = text, ["vision_config"] = new JsonObject(), ["tie_word_embeddings"] = true };
            default:
                float[] cuts = file.Metadata.Get<float[]>("gemma3n.activation_sparsity_scale");
                text["intermediate_size"] =
                    new JsonArray([.. file.Metadata.Get<int[]>("gemma3n.feed_forward_length").Select(width => JsonValue.Create(width))]);
                text["head_dim"] = Int("attention.key_length");
                text["num_kv_shared_layers"] = 3;
                text["hidden_size_per_layer_input"] = Int("embedding_length_per_layer_input");
                text["laurel_rank"] = 64;
                text["activation_sparsity_pattern"] = new JsonArray([.. cuts.Select(cut => JsonValue.Create(cut > 0 ? 0.95 : 0.0))]);
                text["rope_theta"] = Float("rope.freq_base");
                text["rope_local_base_freq"] = Float("rope.freq_base_swa");
                text["layer_types"] = Types();
                return text;
        }

        JsonArray Types() => new([.. file.Metadata.Get<bool[]>($"{family}.attention.sliding_window_pattern").Select(slides =>
            JsonValue.Create(slides ? "sliding_attention" : "full_attention"))]);

        int Int(string key) => file.Metadata.GetInt($"{family}.{key}");

        // The shortest decimal that reads as the same float32.
        JsonNode Float(string key) => JsonNode.Parse(file.Metadata.TryGetFloat($"{family}.{key}")!.Value.ToString("r", CultureInfo.InvariantCulture))!;
    }
}
