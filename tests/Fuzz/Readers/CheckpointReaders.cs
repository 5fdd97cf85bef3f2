using System.Text;
using System.Text.Json.Nodes;
using MeKi.Fuzz.Mutation;
using MeKi.Model;
using MeKi.Model.Conversion;
using MeKi.Model.Tests.Files;
using MeKi.Tests;

namespace MeKi.Fuzz.Readers;

/// <summary>A file of a Hugging Face folder: the folder is loaded or converted.</summary>
/// <param name="file">The file.</param>
internal abstract class CheckpointReader(string file) : Reader
{
    private readonly TemporaryFolder _folder = new();

    protected static TinyCheckpoint Checkpoint { get; } = new() { Vocabulary = 264, Hidden = 32, FeedForward = 48, HeadDimension = 8, Memory = 16, Context = 64 };

    public override int Turn => 100;

    public override void Read(byte[] input, Random random)
    {
        string folder = _folder["c"];
        if (!Directory.Exists(folder))
            Prepare(folder);
        _folder.Add($"c/{file}", input);
        if (random.Next(12) == 0)
        {
            Convert(folder);
            return;
        }
        using MeKiModel model = MeKiModel.Load(folder, new() { Threads = 1, CopyWeights = random.Next(12) == 0 });
        Walk.Tokens(model);
        if (model.Tokenizer is { } tokenizer)
            Walk.Texts(tokenizer, random);
        _ = model.ChatTemplate;
    }

    protected override void Close() => _folder.Dispose();

    protected virtual void Prepare(string folder) => Checkpoint.Write(folder);

    private void Convert(string folder)
    {
        string output = _folder["out"];
        try
        {
            Converter.Convert(folder, output);
            Directory.Delete(output, recursive: true);
        }
        finally
        {
            Require(!Directory.Exists(output), "a part of a conversion is left");
        }
    }
}

/// <summary><c>model.safetensors</c>.</summary>
internal sealed class SafetensorsReader() : CheckpointReader("model.safetensors")
{
    private static readonly JsonMutation s_header = new("dtype", "shape", "data_offsets", "__metadata__", "F32", "BF16", "model.embed_tokens.weight");

    public override string Name => "safetensors";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => MutateFile(input, other, random);

    /// <summary>Changes a header, its length or the data.</summary>
    public static byte[] MutateFile(byte[] input, byte[] other, Random random)
    {
        if (random.Next(6) == 0 || HeaderOf(input) is not { } header || HeaderOf(other) is not { } foreign)
            return BytesMutation.Mutate(input, other, random);
        byte[] changed = s_header.Mutate(header, foreign, random);
        long length = random.Next(12) == 0 ? Interesting.Integer(random) : changed.Length;
        return [.. BitConverter.GetBytes(length), .. changed, .. input[(8 + header.Length)..]];
    }

    protected override IEnumerable<byte[]> Sound()
    {
        using TemporaryFolder folder = new();
        int next = 0;
        foreach (TinyCheckpoint checkpoint in new[] { Checkpoint, Checkpoint with { DType = "BF16" }, Checkpoint with { Naming = Naming.Megatron },
            Checkpoint with { Tied = false, DType = "F16" } })
            yield return File.ReadAllBytes(Path.Combine(checkpoint.Write(folder[$"{next++}"]), "model.safetensors"));
    }

    private static byte[]? HeaderOf(byte[] file) =>
        file.Length >= 8 && BitConverter.ToInt64(file) is var length && length >= 0 && length <= file.Length - 8 ? file[8..(int)(8 + length)] : null;
}

/// <summary><c>model.safetensors.index.json</c>.</summary>
internal sealed class SafetensorsIndexReader() : CheckpointReader("model.safetensors.index.json")
{
    private static readonly JsonMutation s_json = new("weight_map", "metadata", "total_size", "model.norm.weight", "model-00001-of-00003.safetensors",
        "../c/model-00001-of-00003.safetensors", "config.json");

    public override string Name => "safetensors-index";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_json.Mutate(input, other, random);

    protected override void Prepare(string folder) => (Checkpoint with { Shards = 3 }).Write(folder);

    protected override IEnumerable<byte[]> Sound()
    {
        using TemporaryFolder folder = new();
        Prepare(folder["c"]);
        yield return File.ReadAllBytes(folder["c/model.safetensors.index.json"]);
    }
}

/// <summary><c>config.json</c> of every family; most do not fit the weights that lie beside it.</summary>
internal sealed class ConfigReader() : CheckpointReader("config.json")
{
    private static readonly JsonMutation s_json = new("model_type", "architectures", "hidden_act", "hidden_activation", "vocab_size", "hidden_size",
        "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps", "rope_theta", "rope_scaling",
        "rope_parameters", "max_position_embeddings", "tie_word_embeddings", "qk_norm", "mem_dim", "meki_projection_norm", "meki_gate_input", "meki_fusion",
        "meki_placement", "sliding_window", "layer_types", "use_sliding_window", "max_window_layers", "attention_bias", "mlp_bias", "no_rope_layers",
        "partial_rotary_factor", "text_config", "eos_token_id", "bos_token_id", "quantization_config", "factor", "rope_type", "short_factor", "long_factor",
        "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow", "low_freq_factor", "high_freq_factor", "mrope_section", "llama",
        "gemma3_text", "gemma3n_text", "gemma4_text", "qwen2", "phi3", "granite", "smollm3", "yarn", "llama3", "longrope", "linear", "full_attention",
        "sliding_attention", "num_experts", "num_kv_shared_layers", "hidden_size_per_layer_input", "vocab_size_per_layer_input", "query_pre_attn_scalar",
        "final_logit_softcapping", "laurel_rank", "altup_num_inputs", "activation_sparsity_pattern", "embedding_multiplier", "logits_scaling");

    public override string Name => "config";

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_json.Mutate(input, other, random);

    protected override IEnumerable<byte[]> Sound()
    {
        using TemporaryFolder folder = new();
        byte[] own = File.ReadAllBytes(Path.Combine(Checkpoint.Write(folder["c"]), "config.json"));
        yield return own;
        yield return own;
        foreach (string more in new[]
        {
            """{"rope_scaling":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":32,"beta_fast":32,"beta_slow":1}}""",
            """{"rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":32}}""",
            """{"rope_parameters":{"rope_type":"longrope","short_factor":[1,1,1,1],"long_factor":[2,2,2,2],"rope_theta":10000.0}}""",
            """{"sliding_window":8,"use_sliding_window":true,"layer_types":["sliding_attention","full_attention"],"max_window_layers":1}""",
            """{"model_type":"llama","attention_bias":true,"eos_token_id":[1,2]}""",
            """{"model_type":"smollm3","no_rope_layers":[1,0]}""",
            """{"model_type":"granite","embedding_multiplier":12,"logits_scaling":8,"residual_multiplier":0.2,"attention_multiplier":0.1}""",
            """{"model_type":"gemma3_text","query_pre_attn_scalar":8,"sliding_window":4,"layer_types":["sliding_attention","full_attention"]}""",
            """{"model_type":"gemma3n_text","laurel_rank":4,"altup_num_inputs":4,"num_kv_shared_layers":0,"hidden_size_per_layer_input":16,"activation_sparsity_pattern":[0.9,0]}""",
            """{"model_type":"gemma4","text_config":{"model_type":"gemma4_text","hidden_size":32,"num_kv_shared_layers":0,"hidden_size_per_layer_input":16}}""",
        })
        {
            JsonObject config = JsonNode.Parse(own)!.AsObject();
            foreach ((string name, JsonNode? value) in JsonNode.Parse(more)!.AsObject())
                config[name] = value?.DeepClone();
            yield return Encoding.UTF8.GetBytes(config.ToJsonString());
        }
    }
}

/// <summary>A small file of settings beside the weights.</summary>
/// <param name="file">The file.</param>
/// <param name="sound">Sound contents.</param>
internal sealed class SettingsReader(string file, params string[] sound) : CheckpointReader(file)
{
    private static readonly JsonMutation s_json = new("chat_template", "name", "template", "default", "tool_use", "added_tokens_decoder", "content", "lstrip",
        "rstrip", "normalized", "special", "single_word", "bos_token", "eos_token", "pad_token", "unk_token", "add_bos_token", "add_eos_token", "eos_token_id",
        "bos_token_id", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "do_sample", "suppress_tokens", "max_length", "0", "263", "299",
        "additional_special_tokens", "tokenizer_class", "model_max_length");

    private readonly string _file = file;

    public override string Name => Path.GetFileNameWithoutExtension(_file).Replace('_', '-');

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_json.Mutate(input, other, random);

    protected override IEnumerable<byte[]> Sound() => sound.Select(Encoding.UTF8.GetBytes);
}
