using System.Globalization;
using MeKi.Tests;

namespace MeKi.Model.Tests.Checkpoints;

/// <summary>Every setting of a model with every kind of value that it should not have: the model is refused with one clear error, or it runs.</summary>
[Trait("Fault", "18.tolerance")]
public sealed class NastyConfigurationTests : IDisposable
{
    private static readonly TinyCheckpoint Small = HostileFiles.Dense with { Vocabulary = 16, Hidden = 16, FeedForward = 16, Context = 64 };

    private static readonly string[] JsonValues =
    [
        "null", "true", "0", "-1", "1", "2", "3", "16", "31", "2147483647", "-2147483648", "2147483648", "18446744073709551616",
        "1e400", "-1e400", "1e-400", "0.5", "1e9", "NaN", "-Infinity", "\"\"", "\"16\"", "\"\\u001b[31m\\u202e\\u0000\"", "\"\\ud800\"",
        "[]", "[16]", "[16,16]", "[\"full_attention\",\"sliding_attention\"]", "[\"sliding_attention\"]", "[null]", "[[[[[[]]]]]]",
        "{}", "{\"factor\":2}", "{\"rope_type\":{}}", "{\"rope_type\":\"linear\",\"factor\":[]}",
        "{\"rope_type\":\"yarn\",\"factor\":-1}", "{\"rope_type\":\"yarn\",\"factor\":1e30}",
        "{\"type\":\"llama3\",\"factor\":8,\"low_freq_factor\":0,\"high_freq_factor\":0,\"original_max_position_embeddings\":0}",
    ];

    private static readonly object[] GgufValues =
    [
        0u, 1u, 2u, 3u, 7u, 31u, uint.MaxValue, -1, int.MinValue, ulong.MaxValue, long.MinValue, (byte)16, (sbyte)-16, (ushort)16, (short)-1,
        0f, -1f, 0.5f, 16f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.Epsilon, double.NaN, double.MaxValue, 1e-300,
        true, false, "", "16", "\u001b[31m\u202e", new string('x', 5000), Array.Empty<uint>(), new[] { 16u }, new[] { 16u, 16u }, new[] { -1, -1 },
        new[] { float.NaN, float.NaN }, new[] { true, false }, new[] { true }, new[] { "a", "b" },
    ];

    private readonly HostileFiles _files = new();

    public void Dispose() => _files.Dispose();

    public static TheoryData<string> JsonFields =>
    [
        "model_type", "hidden_act", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "head_dim", "rms_norm_eps", "rope_theta", "max_position_embeddings", "tie_word_embeddings", "qk_norm", "rope_scaling", "rope_parameters",
        "use_sliding_window", "sliding_window", "max_window_layers", "layer_types", "attention_bias", "partial_rotary_factor", "num_nextn_predict_layers",
        "mem_dim", "meki_gate_input", "meki_fusion", "meki_placement", "meki_projection_norm",
    ];

    public static TheoryData<string> GgufKeys =>
    [
        "general.architecture", "qwen3.context_length", "qwen3.embedding_length", "qwen3.block_count", "qwen3.feed_forward_length",
        "qwen3.attention.head_count", "qwen3.attention.head_count_kv", "qwen3.attention.key_length", "qwen3.attention.value_length",
        "qwen3.attention.layer_norm_rms_epsilon", "qwen3.attention.sliding_window", "qwen3.attention.sliding_window_pattern",
        "qwen3.rope.freq_base", "qwen3.rope.dimension_count", "qwen3.rope.scaling.type", "qwen3.rope.scaling.factor",
        "qwen3.rope.scaling.original_context_length", "qwen3.vocab_size", "qwen3.nextn_predict_layers",
    ];

    [Theory]
    [MemberData(nameof(JsonFields))]
    public void A_setting_of_a_folder_is_refused_or_runs(string field)
    {
        string folder = _files.Folder(Small with { Memory = 4 }), config = Path.Combine(folder, "config.json"), sound = File.ReadAllText(config);
        // With a window in use, so that what tells of it counts.
        string window = field switch
        {
            "layer_types" or "max_window_layers" => "\"use_sliding_window\": true, \"sliding_window\": 4, ",
            "sliding_window" => "\"use_sliding_window\": true, \"max_window_layers\": 0, ",
            _ => "",
        };
        foreach (string value in JsonValues)
        {
            File.WriteAllText(config, $"{sound[..^1]}, {window}\"{field}\": {value}}}");
            AssertRefusedOrRuns(folder, value);
        }
    }

    [Theory]
    [MemberData(nameof(GgufKeys))]
    public void A_key_of_a_gguf_file_is_refused_or_runs(string key)
    {
        GgufDraft draft = GgufDraft.Dense(Small);
        // So that keys that follow from others count.
        if (key == "qwen3.attention.sliding_window_pattern")
            draft.Keys["qwen3.attention.sliding_window"] = 4u;
        if (key.Contains("rope.scaling", StringComparison.Ordinal))
            (draft.Keys["qwen3.rope.scaling.type"], draft.Keys["qwen3.rope.scaling.factor"]) = ("yarn", 2f);
        string path = _files.NewPath(".gguf");
        foreach (object value in GgufValues)
        {
            draft.Keys[key] = value;
            AssertRefusedOrRuns(draft.Write(path), string.Create(CultureInfo.InvariantCulture, $"{value.GetType()} {value}"));
        }
        draft.Keys.Remove(key);
        AssertRefusedOrRuns(draft.Write(path), "nothing");
    }

    public static TheoryData<string> GgufTensors =>
        ["token_embd.weight", "output_norm.weight", "blk.1.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_q_norm.weight", "blk.0.ffn_down.weight"];

    [Theory]
    [MemberData(nameof(GgufTensors))]
    public void A_tensor_of_another_shape_is_refused_with_its_name(string name)
    {
        DraftTensor sound = GgufDraft.Dense(Small).Tensors[name];
        long width = sound.Dimensions[0], height = sound.Dimensions is [_, long rows] ? rows : 1;
        long[][] others = [[], [1], [width + 1], [width, 2, 2], [width + 1, height], [width, height, 2], [2, 3, 4, 5], [0], [width, 0], [0, 0, 0, 0]];
        foreach (long[] dimensions in others)
        {
            if (name == "token_embd.weight" && dimensions is [_, 0])
                continue; // A vocabulary of nothing; below.
            HostileFiles.Refused(_files.Gguf(Small, draft => draft.Tensors[name] = new(dimensions)), name);
        }
        if (name == "token_embd.weight")
            HostileFiles.Refused(_files.Gguf(Small, draft => draft.Tensors[name] = new([width, 0])));
        // Its own values in the other order.
        if (height > 1 && height != width)
            HostileFiles.Refused(_files.Gguf(Small, draft => draft.Tensors[name] = sound with { Dimensions = [height, width] }));
    }

    public static TheoryData<string> FolderTensors =>
    [
        "model.embed_tokens.weight", "model.norm.weight", "model.layers.1.self_attn.q_proj.weight", "model.layers.0.self_attn.k_norm.weight",
        "model.layers.0.meki.alpha", "model.layers.1.meki.memory.weight",
    ];

    [Theory]
    [MemberData(nameof(FolderTensors))]
    public void A_tensor_of_a_folder_of_another_shape_is_refused_with_its_name(string name)
    {
        TinyCheckpoint checkpoint = Small with { Memory = 4 };
        foreach (long[] shape in new long[][] { [7], [2, 2], [2, 2, 2], [1, 1, 1, 3], [0], [16, 0], [0, 16] })
        {
            CheckpointTensor zeros = new(shape, new float[shape.Aggregate(1L, (product, length) => product * length)]);
            HostileFiles.Refused(_files.Folder(checkpoint with { Damage = tensors => tensors[name] = zeros }), name);
        }
    }

    [Theory]
    [InlineData("""{ "num_attention_heads": 3 }""")]
    [InlineData("""{ "num_attention_heads": 0 }""")]
    [InlineData("""{ "num_key_value_heads": 0 }""")]
    [InlineData("""{ "num_key_value_heads": -2 }""")]
    [InlineData("""{ "num_key_value_heads": 8 }""")]
    [InlineData("""{ "num_attention_heads": -4, "num_key_value_heads": -2 }""")]
    [InlineData("""{ "head_dim": 7 }""")]
    [InlineData("""{ "head_dim": 0 }""")]
    [InlineData("""{ "head_dim": -8 }""")]
    [InlineData("""{ "rms_norm_eps": 0 }""")]
    [InlineData("""{ "rms_norm_eps": -1e-6 }""")]
    [InlineData("""{ "rms_norm_eps": 1e6 }""")]
    [InlineData("""{ "rope_theta": 0 }""")]
    [InlineData("""{ "rope_theta": -10000 }""")]
    [InlineData("""{ "vocab_size": 23 }""")]
    [InlineData("""{ "vocab_size": 25 }""")]
    [InlineData("""{ "vocab_size": 0 }""")]
    [InlineData("""{ "num_hidden_layers": 1 }""")]
    [InlineData("""{ "num_hidden_layers": 3 }""")]
    [InlineData("""{ "num_hidden_layers": 0 }""")]
    [InlineData("""{ "max_position_embeddings": 0 }""")]
    [InlineData("""{ "max_position_embeddings": -5 }""")]
    [InlineData("""{ "use_sliding_window": true, "sliding_window": -1, "max_window_layers": 0 }""")]
    [InlineData("""{ "use_sliding_window": true, "sliding_window": -2147483648, "max_window_layers": 0 }""")]
    [InlineData("""{ "layer_types": [] }""")]
    [InlineData("""{ "layer_types": ["full_attention", "full_attention", "full_attention"] }""")]
    [InlineData("""{ "layer_types": "full_attention" }""")]
    [InlineData("""{ "layer_types": [0, 1] }""")]
    [InlineData("""{ "attention_bias": true }""")]
    [InlineData("""{ "model_type": "qwen2" }""")]
    [InlineData("""{ "model_type": 7 }""")]
    public void Settings_that_cannot_be_are_refused(string settings) => _files.RefusedEverywhere(_files.Folder(settings));

    [Theory]
    [InlineData("attention.head_count", 3u)]
    [InlineData("attention.head_count", 0u)]
    [InlineData("attention.head_count_kv", 0u)]
    [InlineData("attention.head_count_kv", -2)]
    [InlineData("attention.head_count_kv", 3u)]
    [InlineData("attention.key_length", 7u)]
    [InlineData("attention.key_length", 0u)]
    [InlineData("attention.value_length", 16u)]
    [InlineData("attention.layer_norm_rms_epsilon", 0f)]
    [InlineData("attention.layer_norm_rms_epsilon", -1e-6f)]
    [InlineData("attention.layer_norm_rms_epsilon", float.NaN)]
    [InlineData("rope.freq_base", 0f)]
    [InlineData("rope.freq_base", -10000f)]
    [InlineData("rope.freq_base", float.NaN)]
    [InlineData("rope.freq_base", float.PositiveInfinity)]
    [InlineData("rope.dimension_count", 3u)]
    [InlineData("block_count", -1)]
    [InlineData("block_count", int.MinValue)]
    [InlineData("context_length", 0u)]
    [InlineData("context_length", uint.MaxValue)]
    [InlineData("attention.sliding_window", -1)]
    [InlineData("embedding_length", "32")]
    [InlineData("embedding_length", 32f)]
    [InlineData("feed_forward_length", 0u)]
    public void Keys_that_cannot_be_are_refused(string key, object value) => _files.RefusedEverywhere(_files.Gguf(draft => draft.Keys[$"qwen3.{key}"] = value));

    [Theory]
    [InlineData(8, true)]
    [InlineData(1_000_000, true)]
    [InlineData(int.MaxValue, true)]
    [InlineData(1, false)]
    [InlineData(7, false)]
    public void A_window_wider_than_the_text_sees_all_of_it(int window, bool all)
    {
        float[] full = HostileFiles.Logits(_files.Gguf(_ => { }));
        float[] gguf = HostileFiles.Logits(_files.Gguf(draft => draft.Keys["qwen3.attention.sliding_window"] = (uint)window));
        float[] folder = HostileFiles.Logits(_files.Folder($$"""{ "use_sliding_window": true, "sliding_window": {{window}}, "max_window_layers": 0 }"""));
        Assert.Equal(gguf, folder);
        Assert.Equal(all, full.AsSpan().SequenceEqual(gguf));
    }

    [Fact]
    public void Nesting_without_end_is_no_json() =>
        _files.RefusedEverywhere(_files.Folder($$"""{ "a": {{new string('[', 100_000)}} }"""), "config.json", "is not valid JSON");

    private static void AssertRefusedOrRuns(string path, string value)
    {
        try
        {
            HostileFiles.Run(path);
        }
        catch (ModelFileException failure)
        {
            HostileFiles.AssertReadable(failure, path);
        }
        catch (Exception failure)
        {
            Assert.Fail($"{value}: {failure}");
        }
    }
}
