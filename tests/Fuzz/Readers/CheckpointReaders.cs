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

    protected static TinyCheckpoint Checkpoint { get; } = new() { Vocabulary = 264, Hidden = 32, FeedForward = 48, HeadDimension = 8, Memory = 16,
        Context = 64 };

    public override void Read(byte[] input, Random random)
    {
        string folder = _folder["c"];
        if (!Directory.Exists(folder))
            Prepare(folder);
        _folder.Add($"c/{file}", input);
        if (random.Next(150) == 0)
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
        foreach (byte[] more in SeedFiles.Of(Name))
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
internal sealed class SettingsReader(string file) : CheckpointReader(file)
{
    private static readonly JsonMutation s_json = new("chat_template", "name", "template", "default", "tool_use", "added_tokens_decoder", "content", "lstrip",
        "rstrip", "normalized", "special", "single_word", "bos_token", "eos_token", "pad_token", "unk_token", "add_bos_token", "add_eos_token", "eos_token_id",
        "bos_token_id", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "do_sample", "suppress_tokens", "max_length", "0", "263", "299",
        "additional_special_tokens", "tokenizer_class", "model_max_length");

    private readonly string _file = file;

    public override string Name => Path.GetFileNameWithoutExtension(_file).Replace('_', '-');

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_json.Mutate(input, other, random);

    protected override IEnumerable<byte[]> Sound() => SeedFiles.Of(Name);
}
