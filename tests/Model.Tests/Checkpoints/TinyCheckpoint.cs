using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace MeKi.Tests;

/// <summary>The three ways in which checkpoints name their tensors.</summary>
internal enum Naming
{
    Reference,
    Demo,
    Megatron,
}

/// <summary>A tensor of a checkpoint in the making; tests damage it before it is written.</summary>
internal sealed class CheckpointTensor(long[] shape, float[] values)
{
    public long[] Shape { get; set; } = shape;

    public float[] Values { get; set; } = values;

    /// <summary>The type's name in the file; F32, F16 and BF16 are written as such, any other as F32.</summary>
    public string? DType { get; set; }
}

/// <summary>
/// A small MeKi checkpoint with seeded random weights, written as a Hugging Face folder. A tensor's values depend on its name alone, so that two checkpoints
/// that differ in their naming, stacking or padding are the same model.
/// </summary>
internal sealed record TinyCheckpoint
{
    public int Vocabulary { get; init; } = 300;

    public int Hidden { get; init; } = 64;

    public int FeedForward { get; init; } = 96;

    public int Layers { get; init; } = 2;

    public int Heads { get; init; } = 4;

    public int KvHeads { get; init; } = 2;

    public int HeadDimension { get; init; } = 16;

    /// <summary>Width of the memory; 0 leaves the branch out.</summary>
    public int Memory { get; init; } = 32;

    public int Context { get; init; } = 1024;

    public Naming Naming { get; init; }

    public string DType { get; init; } = "F32";

    /// <summary>Whether each layer has M; without it the model is dynamic-only.</summary>
    public bool Static { get; init; } = true;

    /// <summary>Whether each layer has G; without it the model is static-only.</summary>
    public bool Dynamic { get; init; } = true;

    public bool ProjectionNorm { get; init; }

    public bool QkNorm { get; init; } = true;

    public string? GateInput { get; init; } = "normalized";

    public string? Fusion { get; init; }

    public string? Placement { get; init; }

    /// <summary>False adds a head that favours the printable ASCII characters, so that generated text is readable.</summary>
    public bool Tied { get; init; } = true;

    /// <summary>Rows beyond the vocabulary, of wild values that no answer may show.</summary>
    public int Padding { get; init; }

    /// <summary>Files that the tensors are spread over.</summary>
    public int Shards { get; init; } = 1;

    public bool HasTokenizer { get; init; } = true;

    public int Seed { get; init; } = 1;

    /// <summary>Changes the tensors, by their names in the file, before they are written.</summary>
    public Action<IDictionary<string, CheckpointTensor>>? Damage { get; init; }

    /// <summary>Changes config.json before it is written.</summary>
    public Action<JsonObject>? DamageConfig { get; init; }

    /// <summary>Writes the checkpoint and gives the folder.</summary>
    public string Write(string folder)
    {
        Directory.CreateDirectory(folder);
        SortedDictionary<string, CheckpointTensor> tensors = new(Named(), StringComparer.Ordinal);
        Damage?.Invoke(tensors);
        WriteWeights(folder, tensors);
        JsonObject config = Config();
        DamageConfig?.Invoke(config);
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        if (HasTokenizer)
            File.WriteAllText(Path.Combine(folder, "tokenizer.json"), Tokenizer().ToJsonString());
        return folder;
    }

    private JsonObject Config()
    {
        JsonObject config = new()
        {
            ["model_type"] = Memory > 0 ? "qwen3_meki" : "qwen3",
            ["hidden_act"] = "silu",
            ["vocab_size"] = Vocabulary,
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = FeedForward,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = KvHeads,
            ["head_dim"] = HeadDimension,
            ["rms_norm_eps"] = 1e-6,
            ["rope_theta"] = 500000.0,
            ["max_position_embeddings"] = Context,
            ["tie_word_embeddings"] = Tied,
            ["qk_norm"] = QkNorm,
        };
        if (Memory == 0)
            return config;
        config["mem_dim"] = Memory;
        config["meki_projection_norm"] = ProjectionNorm;
        if (GateInput is not null)
            config["meki_gate_input"] = GateInput;
        if (Fusion is not null)
            config["meki_fusion"] = Fusion;
        if (Placement is not null)
            config["meki_placement"] = Placement;
        return config;
    }

    /// <summary>The tensors under the reference's names.</summary>
    public Dictionary<string, CheckpointTensor> Reference()
    {
        Dictionary<string, CheckpointTensor> tensors = [];
        (int queries, int keys, int inner) = (Heads * HeadDimension, KvHeads * HeadDimension, Hidden / 2);
        Add("model.embed_tokens.weight", 0.5f, Vocabulary, Hidden);
        Add("model.norm.weight", 0, Hidden);
        if (!Tied)
        {
            float[] head = Add("lm_head.weight", 0.5f, Vocabulary, Hidden);
            for (int token = 0; token < Vocabulary; token++)
            {
                if (token is < 32 or > 126)
                    head.AsSpan(token * Hidden, Hidden).Clear();
            }
        }
        for (int layer = 0; layer < Layers; layer++)
        {
            string at = $"model.layers.{layer}.";
            Add(at + "input_layernorm.weight", 0, Hidden);
            AddMatrix(at + "self_attn.q_proj.weight", queries, Hidden);
            AddMatrix(at + "self_attn.k_proj.weight", keys, Hidden);
            AddMatrix(at + "self_attn.v_proj.weight", keys, Hidden);
            AddMatrix(at + "self_attn.o_proj.weight", Hidden, queries);
            if (QkNorm)
            {
                Add(at + "self_attn.q_norm.weight", 0, HeadDimension);
                Add(at + "self_attn.k_norm.weight", 0, HeadDimension);
            }
            Add(at + "post_attention_layernorm.weight", 0, Hidden);
            AddMatrix(at + "mlp.gate_proj.weight", FeedForward, Hidden);
            AddMatrix(at + "mlp.up_proj.weight", FeedForward, Hidden);
            AddMatrix(at + "mlp.down_proj.weight", Hidden, FeedForward);
            if (Memory == 0)
                continue;
            AddMatrix(at + "meki.gate_proj.weight", Memory, Hidden);
            AddMatrix(at + "meki.out_proj.weight", Hidden, Memory);
            Add(at + "meki.post_norm.weight", 0, Hidden);
            Add(at + "meki.mix_norm.weight", 0, Memory);
            tensors.Add(at + "meki.alpha", new([1], [0.75f + 0.25f * layer]));
            if (Static)
                Add(at + "meki.memory.weight", 0.5f, Vocabulary, Memory);
            if (!Dynamic)
                continue;
            tensors.Add(at + "meki.beta", new([1], [0.5f + 0.25f * layer]));
            AddMatrix(at + "meki.projection.gate_proj.weight", inner, Hidden);
            AddMatrix(at + "meki.projection.up_proj.weight", inner, Hidden);
            AddMatrix(at + "meki.projection.down_proj.weight", Memory, inner);
            if (ProjectionNorm)
                Add(at + "meki.projection.norm.weight", 0, Hidden);
        }
        return tensors;

        void AddMatrix(string name, int rows, int columns) => Add(name, 1.5f / MathF.Sqrt(columns), rows, columns);

        // Scale 0 means a norm's weight: around 1.
        float[] Add(string name, float scale, params long[] shape)
        {
            uint hash = 2166136261;
            foreach (char letter in name)
                hash = (hash ^ letter) * 16777619;
            Random random = new((int)(hash ^ (uint)Seed));
            float[] values = new float[shape.Aggregate(1L, (product, length) => product * length)];
            for (int i = 0; i < values.Length; i++)
                values[i] = Round(scale == 0 ? 0.75f + 0.5f * random.NextSingle() : scale * 3.46f * (random.NextSingle() - 0.5f));
            tensors.Add(name, new(shape, values));
            return values;
        }
    }

    // Eight significant bits, which F16 and BF16 hold exactly, so that checkpoints of all types are the same model.
    private static float Round(float value) =>
        MathF.Abs(value) < 1e-3f ? 0 : BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000);

    private Dictionary<string, CheckpointTensor> Named()
    {
        Dictionary<string, CheckpointTensor> reference = Reference();
        if (Padding > 0)
        {
            foreach ((string name, CheckpointTensor tensor) in reference)
            {
                if (name.Contains("embed_tokens", StringComparison.Ordinal) || name.Contains("lm_head", StringComparison.Ordinal)
                    || name.Contains("memory", StringComparison.Ordinal))
                {
                    tensor.Values = [.. tensor.Values, .. Enumerable.Repeat(1000f, (int)(Padding * tensor.Shape[1]))];
                    tensor.Shape = [tensor.Shape[0] + Padding, tensor.Shape[1]];
                }
            }
        }
        return Naming switch
        {
            Naming.Demo => reference.ToDictionary(pair => DemoName(pair.Key), pair => pair.Value),
            Naming.Megatron => Megatron(reference),
            _ => reference,
        };
    }

    private static string DemoName(string name) => name
        .Replace("model.embed_tokens.weight", "word_emb.weight", StringComparison.Ordinal)
        .Replace(".meki.memory.weight", ".meki_module.embeddings", StringComparison.Ordinal)
        .Replace(".meki.alpha", ".meki_module.alpha_scale", StringComparison.Ordinal)
        .Replace(".meki.beta", ".meki_module.beta_scale", StringComparison.Ordinal)
        .Replace(".meki.projection.", ".meki_module.word_emb_projection.", StringComparison.Ordinal)
        .Replace(".meki.", ".meki_module.", StringComparison.Ordinal);

    private Dictionary<string, CheckpointTensor> Megatron(Dictionary<string, CheckpointTensor> reference)
    {
        Dictionary<string, CheckpointTensor> tensors = new()
        {
            ["embedding.word_embeddings.weight"] = reference["model.embed_tokens.weight"],
            ["decoder.final_layernorm.weight"] = reference["model.norm.weight"],
        };
        if (!Tied)
            tensors["output_layer.weight"] = reference["lm_head.weight"];
        for (int layer = 0; layer < Layers; layer++)
        {
            string from = $"model.layers.{layer}.", to = $"decoder.layers.{layer}.", attention = to + "self_attention.", branch = to + "meki_module.";
            (CheckpointTensor q, CheckpointTensor k, CheckpointTensor v) =
                (reference[from + "self_attn.q_proj.weight"], reference[from + "self_attn.k_proj.weight"], reference[from + "self_attn.v_proj.weight"]);
            List<float> stacked = [];
            for (int group = 0; group < KvHeads; group++)
            {
                foreach (CheckpointTensor part in new[] { q, k, v })
                    stacked.AddRange(part.Values.AsSpan(part.Values.Length / KvHeads * group, part.Values.Length / KvHeads));
            }
            tensors[attention + "linear_qkv.weight"] = new([(Heads + 2 * KvHeads) * HeadDimension, Hidden], [.. stacked]);
            Stack(to + "mlp.linear_fc1.weight", "mlp.gate_proj.weight", "mlp.up_proj.weight");
            Move(attention + "linear_qkv.layer_norm_weight", "input_layernorm.weight");
            Move(attention + "q_layernorm.weight", "self_attn.q_norm.weight");
            Move(attention + "k_layernorm.weight", "self_attn.k_norm.weight");
            Move(attention + "linear_proj.weight", "self_attn.o_proj.weight");
            Move(to + "mlp.linear_fc1.layer_norm_weight", "post_attention_layernorm.weight");
            Move(to + "mlp.linear_fc2.weight", "mlp.down_proj.weight");
            foreach (string same in new[] { "gate_proj", "out_proj", "post_norm", "mix_norm" })
                Move($"{branch}{same}.weight", $"meki.{same}.weight");
            Move(branch + "alpha_scale", "meki.alpha");
            Move(branch + "beta_scale", "meki.beta");
            Move(branch + "embeddings.weight", "meki.memory.weight");
            Move(branch + "word_emb_projection.linear_fc1.layer_norm_weight", "meki.projection.norm.weight");
            Move(branch + "word_emb_projection.linear_fc2.weight", "meki.projection.down_proj.weight");
            if (Dynamic && Memory > 0)
                Stack(branch + "word_emb_projection.linear_fc1.weight", "meki.projection.gate_proj.weight", "meki.projection.up_proj.weight");

            void Move(string name, string old)
            {
                if (reference.TryGetValue(from + old, out CheckpointTensor? tensor))
                    tensors[name] = tensor;
            }

            void Stack(string name, string first, string second)
            {
                (CheckpointTensor upper, CheckpointTensor lower) = (reference[from + first], reference[from + second]);
                tensors[name] = new([upper.Shape[0] + lower.Shape[0], upper.Shape[1]], [.. upper.Values, .. lower.Values]);
            }
        }
        return tensors;
    }

    private void WriteWeights(string folder, SortedDictionary<string, CheckpointTensor> tensors)
    {
        if (Shards == 1)
        {
            WriteFile(Path.Combine(folder, "model.safetensors"), tensors);
            return;
        }
        JsonObject map = [];
        for (int shard = 0; shard < Shards; shard++)
        {
            string name = $"model-{shard + 1:d5}-of-{Shards:d5}.safetensors";
            var part = tensors.Where((_, i) => i % Shards == shard).ToArray();
            WriteFile(Path.Combine(folder, name), part);
            foreach ((string tensor, _) in part)
                map[tensor] = name;
        }
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"),
            new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map }.ToJsonString());
    }

    private void WriteFile(string path, IEnumerable<KeyValuePair<string, CheckpointTensor>> tensors)
    {
        JsonObject header = new() { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        long offset = 0;
        foreach ((string name, CheckpointTensor tensor) in tensors)
        {
            string type = tensor.DType ?? DType;
            long end = offset + (long)tensor.Values.Length * (type is "F16" or "BF16" ? 2 : 4);
            header[name] = new JsonObject
            {
                ["dtype"] = type,
                ["shape"] = new JsonArray([.. tensor.Shape.Select(length => JsonValue.Create(length))]),
                ["data_offsets"] = new JsonArray(offset, end),
            };
            offset = end;
        }
        using FileStream file = new(path, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 1 << 16 });
        byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString());
        file.Write(BitConverter.GetBytes((long)json.Length));
        file.Write(json);
        foreach ((_, CheckpointTensor tensor) in tensors)
            file.Write(Encode(tensor.Values, tensor.DType ?? DType));
    }

    private static byte[] Encode(float[] values, string type)
    {
        int width = type is "F16" or "BF16" ? 2 : 4;
        byte[] bytes = new byte[values.Length * width];
        for (int i = 0; i < values.Length; i++)
        {
            Span<byte> target = bytes.AsSpan(i * width);
            switch (type)
            {
                case "F16":
                    BinaryPrimitives.WriteHalfLittleEndian(target, (Half)values[i]);
                    break;
                case "BF16":
                    BinaryPrimitives.WriteUInt16LittleEndian(target, (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16));
                    break;
                default:
                    BinaryPrimitives.WriteSingleLittleEndian(target, values[i]);
                    break;
            }
        }
        return bytes;
    }

    /// <summary>256 byte tokens whose ids are the bytes, five merges after them, and &lt;|endoftext|&gt; as the last id.</summary>
    private JsonObject Tokenizer()
    {
        string[] alphabet = ByteAlphabet();
        JsonObject vocabulary = [];
        for (int value = 0; value < 256; value++)
            vocabulary[alphabet[value]] = value;
        JsonArray merges = [];
        foreach ((string left, string right) in new[] { ("t", "h"), ("th", "e"), ("l", "l"), ("\u0120", "a"), ("e", "r") })
        {
            merges.Add(JsonValue.Create($"{left} {right}"));
            vocabulary[left + right] = vocabulary.Count;
        }
        return new()
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(new JsonObject { ["id"] = Vocabulary - 1, ["content"] = "<|endoftext|>", ["special"] = true }),
            ["pre_tokenizer"] = JsonNode.Parse("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":true}"""),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = merges },
        };
    }

    /// <summary>GPT-2's printable character for each byte.</summary>
    private static string[] ByteAlphabet()
    {
        string[] alphabet = new string[256];
        for (int value = 0, spare = 256; value < 256; value++)
        {
            bool printable = value is >= 33 and <= 126 or >= 161 and <= 172 or >= 174;
            alphabet[value] = ((char)(printable ? value : spare++)).ToString();
        }
        return alphabet;
    }
}
