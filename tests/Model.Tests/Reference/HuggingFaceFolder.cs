using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using MeKi.Model.Gguf;

namespace MeKi.Model.Tests.Reference;

/// <summary>
/// Writes a GGUF file of F32 tensors as the Hugging Face folder it could have come from: transformers' names and order of rows, from tables of its own.
/// </summary>
internal static class HuggingFaceFolder
{
    private static readonly (string Gguf, string HuggingFace)[] Names =
    [
        ("token_embd.", "model.embed_tokens."), ("output_norm.", "model.norm."), ("output.", "lm_head."),
        ("attn_norm.", "input_layernorm."), ("attn_qkv.", "self_attn.qkv_proj."),
        ("attn_q_norm.", "self_attn.q_norm."), ("attn_k_norm.", "self_attn.k_norm."),
        ("attn_q.", "self_attn.q_proj."), ("attn_k.", "self_attn.k_proj."), ("attn_v.", "self_attn.v_proj."), ("attn_output.", "self_attn.o_proj."),
        ("ffn_norm.", "post_attention_layernorm."), ("ffn_gate.", "mlp.gate_proj."), ("ffn_up.", "mlp.up_proj."), ("ffn_down.", "mlp.down_proj."),
    ];

    public static void Write(string gguf, string folder)
    {
        Directory.CreateDirectory(folder);
        using GgufFile file = GgufFile.Open(gguf);
        string family = file.Metadata.Get<string>("general.architecture");
        List<(string Name, long[] Shape, float[] Values)> tensors = [];
        foreach (GgufTensor tensor in file.Tensors.Where(tensor => tensor.Name != "rope_freqs.weight"))
        {
            float[] values = MemoryMarshal.Cast<byte, float>(tensor.File!.Span(tensor.Offset, (int)tensor.ByteLength)).ToArray();
            if (family is "llama" or "smollm3" or "granite"
                && (tensor.Name.Contains(".attn_q.", StringComparison.Ordinal) || tensor.Name.Contains(".attn_k.", StringComparison.Ordinal)))
                values = Unpaired(values, (int)tensor.Dimensions[0], file.Metadata.GetInt($"{family}.attention.key_length"));
            if (GemmaFolder.Has(family))
                tensors.AddRange(GemmaFolder.Tensors(tensor, family, values));
            else
                tensors.Add((Rename(tensor.Name, family), [.. tensor.Dimensions.Reverse()], values));
        }
        JsonObject config = GemmaFolder.Has(family) ? GemmaFolder.Config(file, family)
            : Config(file, family, tensors.Any(tensor => tensor.Name == "lm_head.weight"));
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        WriteSafetensors(Path.Combine(folder, "model.safetensors"), tensors);
    }

    private static string Rename(string name, string family)
    {
        string prefix = "";
        if (name.StartsWith("blk.", StringComparison.Ordinal))
        {
            int dot = name.IndexOf('.', 4);
            (prefix, name) = ($"model.layers.{name[4..dot]}.", name[(dot + 1)..]);
        }
        (string from, string to) = Names.First(pair => name.StartsWith(pair.Gguf, StringComparison.Ordinal));
        return prefix + (family == "phi3" && from == "ffn_up." ? "mlp.gate_up_proj." : to) + name[from.Length..];
    }

    // llama.cpp's converter makes neighbours of the halves of a head.
    private static float[] Unpaired(float[] values, int columns, int head)
    {
        float[] rows = new float[values.Length];
        for (int row = 0; row < values.Length / columns; row++)
        {
            int within = row % head, from = row - within + (within < head / 2 ? 2 * within : 2 * (within - head / 2) + 1);
            values.AsSpan(from * columns, columns).CopyTo(rows.AsSpan(row * columns));
        }
        return rows;
    }

    private static JsonObject Config(GgufFile file, string family, bool untied)
    {
        JsonObject config = new()
        {
            ["model_type"] = family,
            ["hidden_act"] = "silu",
            ["vocab_size"] = Int("vocab_size"),
            ["hidden_size"] = Int("embedding_length"),
            ["intermediate_size"] = Int("feed_forward_length"),
            ["num_hidden_layers"] = Int("block_count"),
            ["num_attention_heads"] = Int("attention.head_count"),
            ["num_key_value_heads"] = Int("attention.head_count_kv"),
            ["head_dim"] = Int("attention.key_length"),
            ["max_position_embeddings"] = Int("context_length"),
            ["rms_norm_eps"] = Float("attention.layer_norm_rms_epsilon"),
            ["rope_theta"] = Float("rope.freq_base"),
            ["tie_word_embeddings"] = !untied,
        };
        if (file.TryGetTensor("rope_freqs.weight", out GgufTensor? divisors))
        {
            float[] factors = MemoryMarshal.Cast<byte, float>(divisors.File!.Span(divisors.Offset, (int)divisors.ByteLength)).ToArray();
            config["rope_scaling"] = new JsonObject
            {
                ["rope_type"] = "longrope",
                ["attention_factor"] = 1.0,
                ["short_factor"] = new JsonArray([.. factors.Select(factor => JsonValue.Create(factor))]),
                ["long_factor"] = new JsonArray([.. factors.Select(factor => JsonValue.Create(factor))]),
            };
        }
        foreach ((string gguf, string json) in new[]
        {
            ("embedding_scale", "embedding_multiplier"), ("residual_scale", "residual_multiplier"), ("attention.scale", "attention_multiplier"),
                ("logit_scale", "logits_scaling"),
        })
        {
            if (file.Metadata.Contains($"{family}.{gguf}"))
                config[json] = Float(gguf);
        }
        return config;

        int Int(string key) => file.Metadata.GetInt($"{family}.{key}");

        // The shortest decimal that reads as the same float32.
        JsonNode Float(string key) => JsonNode.Parse(file.Metadata.TryGetFloat($"{family}.{key}")!.Value.ToString("r", CultureInfo.InvariantCulture))!;
    }

    private static void WriteSafetensors(string path, List<(string Name, long[] Shape, float[] Values)> tensors)
    {
        JsonObject header = [];
        long at = 0;
        foreach ((string name, long[] shape, float[] values) in tensors)
        {
            long end = at + sizeof(float) * (long)values.Length;
            header[name] = new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = new JsonArray([.. shape.Select(length => JsonValue.Create(length))]),
                ["data_offsets"] = new JsonArray(at, end),
            };
            at = end;
        }
        byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString());
        using FileStream file = File.Create(path);
        Span<byte> length = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        file.Write(length);
        file.Write(json);
        foreach ((_, _, float[] values) in tensors)
            file.Write(MemoryMarshal.AsBytes<float>(values));
    }
}
