namespace MeKi.Model.Tests.Checkpoints;

/// <summary>What other writers write and other readers read does not keep a model from running.</summary>
[Trait("Fault", "18.tolerance")]
public sealed class TolerantReadingTests : IDisposable
{
    private readonly HostileFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("attention.head_count", 4)]
    [InlineData("attention.head_count_kv", 2)]
    [InlineData("feed_forward_length", 48)]
    public void A_size_told_for_each_layer_is_read_where_all_are_equal_and_else_refused_by_name(string key, int value)
    {
        float[] expected = HostileFiles.Logits(_files.Gguf(_ => { }));
        object[] equal = [new[] { (uint)value, (uint)value }, new[] { value, value }, new long[] { value, value }, new[] { (ushort)value, (ushort)value }];
        foreach (object list in equal)
            Assert.Equal(expected, HostileFiles.Logits(_files.Gguf(draft => draft.Keys[$"qwen3.{key}"] = list)));
        foreach (object list in new object[]
        {
            new[] { value, 2 * value }, new[] { value, 0 }, Array.Empty<int>(), new[] { value }, new[] { value, value, value }, new[] { -value, -value },
            new[] { 0, 0 }, new float[] { value, value }, new[] { "4", "4" }, new[] { ulong.MaxValue, ulong.MaxValue }, new[] { true, true },
        })
        {
            _files.RefusedEverywhere(_files.Gguf(draft => draft.Keys[$"qwen3.{key}"] = list));
        }
        _files.RefusedEverywhere(_files.Gguf(draft => draft.Keys[$"qwen3.{key}"] = new[] { value, 2 * value }), $"qwen3.{key}");
    }

    [Theory]
    [InlineData("""{ "rms_norm_eps_of_old": NaN }""")]
    [InlineData("""{ "initializer_range": Infinity, "nested": { "list": [NaN, -Infinity, 1, Infinity], "text": "NaN \" Infinity" } }""")]
    [InlineData("""{ "router_aux_loss_coef": -Infinity }""")]
    [InlineData("""{ "attention_dropout":NaN}""")]
    [InlineData("""{ "dtype": "float7", "torch_dtype": 5 }""")]
    [InlineData("""{ "dtype": null, "transformers_version": null, "auto_map": { "a": [] } }""")]
    [InlineData("""{ "max_position_embeddings": 4096.0 }""")]
    [InlineData("""{ "max_position_embeddings": 1e4, "hidden_size": 3.2e1, "num_hidden_layers": 2.0, "vocab_size": 24.000 }""")]
    [InlineData("""{ "rope_theta": 5e5, "rms_norm_eps": 0.000001 }""")]
    [InlineData("""{ "rope_scaling": null, "rope_parameters": null, "layer_types": null, "sliding_window": null, "hidden_act": null }""")]
    [InlineData("""{ "qk_norm": null, "rms_norm_eps": null, "mem_dim": null, "meki_fusion": null }""")]
    [InlineData("""{ "tie_word_embeddings": null, "use_sliding_window": null, "max_window_layers": null, "attention_bias": null }""")]
    public void Settings_that_say_nothing_else_change_nothing(string settings) =>
        Assert.Equal(HostileFiles.Logits(_files.Folder(HostileFiles.Dense)), HostileFiles.Logits(_files.Folder(settings)));

    [Fact]
    public void A_whole_number_is_one_however_it_is_written()
    {
        using (MeKiModel model = MeKiModel.Load(_files.Folder("""{ "max_position_embeddings": 4096.0 }""")))
            Assert.Equal(4096, model.Config.ContextLength);
        using (MeKiModel model = MeKiModel.Load(_files.Folder("""{ "max_position_embeddings": 1e4 }""")))
            Assert.Equal(10_000, model.Config.ContextLength);
        using (MeKiModel model = MeKiModel.Load(_files.Folder("""{ "rope_theta": null }""")))
            Assert.Equal(10_000, model.Config.RopeTheta);
    }

    [Theory]
    [InlineData("""{ "max_position_embeddings": 4096.5 }""", "max_position_embeddings")]
    [InlineData("""{ "max_position_embeddings": 1e10 }""", "max_position_embeddings")]
    [InlineData("""{ "max_position_embeddings": 1e999 }""", "max_position_embeddings")]
    [InlineData("""{ "max_position_embeddings": Infinity }""", "max_position_embeddings")]
    [InlineData("""{ "num_hidden_layers": NaN }""", "num_hidden_layers")]
    [InlineData("""{ "rms_norm_eps": NaN }""", "rms_norm_eps")]
    [InlineData("""{ "rms_norm_eps": Infinity }""", "rms_norm_eps")]
    [InlineData("""{ "rope_theta": -Infinity }""", "rope_theta")]
    [InlineData("""{ "rope_scaling": { "type": "linear", "factor": Infinity } }""", "factor")]
    public void A_setting_that_is_needed_and_no_number_is_refused_by_name(string settings, string name) =>
        _files.RefusedEverywhere(_files.Folder(settings), "config.json", name);

    [Theory]
    [InlineData("""{ "a": NaNNaN }""")]
    [InlineData("""{ "a": Infinit }""")]
    [InlineData("""{ "a": -NaN }""")]
    [InlineData("""{ "a": --Infinity }""")]
    [InlineData("""{ "a": NaN""")]
    [InlineData("""{ "a": "NaN }""")]
    [InlineData("""{ "a": True }""")]
    public void What_python_does_not_write_either_is_no_json(string settings) =>
        _files.RefusedEverywhere(_files.Folder(settings), "config.json", "is not valid JSON");

    [Fact]
    public void A_scaling_factor_of_zero_without_a_kind_is_none_as_llama_cpp_has_it() =>
        Assert.Equal(HostileFiles.Logits(_files.Gguf(_ => { })), HostileFiles.Logits(_files.Gguf(draft => draft.Keys["qwen3.rope.scaling.factor"] = 0f)));

    [Theory]
    [InlineData(23u)]
    [InlineData(1u)]
    [InlineData(uint.MaxValue)]
    public void The_vocabulary_of_a_gguf_file_is_that_of_its_embedding(uint told) =>
        Assert.Equal(HostileFiles.Logits(_files.Gguf(_ => { })), HostileFiles.Logits(_files.Gguf(draft => draft.Keys["qwen3.vocab_size"] = told)));
}
