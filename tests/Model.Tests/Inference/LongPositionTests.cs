using System.Text.Json.Nodes;
using MeKi.Kernels;
using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Evaluation;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Inference;

/// <summary>RoPE scaling and sliding windows: read, carried through conversion and quantisation, and computed as plain float64 loops compute them.</summary>
public sealed class LongPositionTests : IDisposable
{
    private const int Length = 300, Vocabulary = 300;

    private static readonly int[] Sequence = TinyModel.Tokens(Length);

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Variants =>
    [
        """{ "rope_scaling": { "type": "linear", "factor": 4 } }""",
        """{ "rope_scaling": { "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256 } }""",
        """{ "rope_scaling": { "rope_type": "yarn", "factor": 8, "original_max_position_embeddings": 128, "attention_factor": 0.9, """
            + """ "beta_fast": 8, "beta_slow": 2 } }""",
        """{ "rope_scaling": { "rope_type": "yarn", "factor": 8, "original_max_position_embeddings": 128, "mscale": 1, "mscale_all_dim": 0.5 } }""",
        """{ "rope_theta": null, "rope_parameters": { "rope_theta": 10000, """
            + """ "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 128 } }""",
        """{ "use_sliding_window": true, "sliding_window": 40, "max_window_layers": 1 }""",
        """{ "use_sliding_window": true, "sliding_window": 17, "layer_types": ["sliding_attention", "full_attention"] }""",
        """{ "use_sliding_window": true, "sliding_window": 1, "max_window_layers": 0 }""",
        """{ "use_sliding_window": true, "sliding_window": 270, "max_window_layers": 0, "rope_scaling": { "type": "linear", "factor": 2 } }""",
    ];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Variants))]
    public void The_engine_computes_what_float64_loops_do(string settings)
    {
        string folder = _folder["m"];
        Converter.Convert(Checkpoint(settings).Write(_folder["c"]), folder, new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.F32 });
        using DoublePass pass = new(folder);
        double[] expected = pass.Nll(Sequence);
        using MeKiModel model = MeKiModel.Load(folder, new() { KeyFormat = KvFormat.F32, ValueFormat = KvFormat.F32 });
        float[] logits = GoldenAssert.AllLogits(model, Sequence);
        double[] actual = GoldenAssert.Nll(logits, Sequence);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 2e-3);

        using MeKiModel plain = MeKiModel.Load(Checkpoint("{}").Write(_folder["plain"]));
        Assert.True(GoldenAssert.RelativeDistance(logits, GoldenAssert.AllLogits(plain, Sequence)) > 0.01, "the setting changes nothing");
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Checkpoint_converted_and_quantised_model_agree(string settings)
    {
        string checkpoint = Checkpoint(settings).Write(_folder["c"]);
        Converter.Convert(checkpoint, _folder["m"], new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.F32 });
        Quantizer.Quantize(_folder["m"], _folder["q"], WeightRecipe.Of(GgmlType.F16));
        using MeKiModel original = MeKiModel.Load(checkpoint), converted = MeKiModel.Load(_folder["m"]), quantised = MeKiModel.Load(_folder["q"]);
        float[] expected = GoldenAssert.AllLogits(original, Sequence);
        Assert.Equal(expected, GoldenAssert.AllLogits(converted, Sequence));
        // The tiny weights are F16 numbers, so nothing is lost.
        Assert.Equal(expected, GoldenAssert.AllLogits(quantised, Sequence));
        Assert.Equal(original.Config.ContextLength, converted.Config.ContextLength);
        Assert.Equal(original.Config.Windows, converted.Config.Windows);
    }

    [Fact]
    public void Windows_are_cut_and_forked_like_everything_else()
    {
        using MeKiModel model = MeKiModel.Load(
            Checkpoint("""{ "use_sliding_window": true, "sliding_window": 60, "max_window_layers": 1 }""").Write(_folder["c"]));
        float[] whole = GoldenAssert.AllLogits(model, Sequence), logits = new float[Vocabulary];
        using MeKiSession session = model.CreateSession();
        session.Forward(Sequence.AsSpan(0, 290), []);
        session.Truncate(270);
        using MeKiSession fork = session.Fork(258);
        for (int i = 258; i < Length; i++)
        {
            fork.Forward([Sequence[i]], logits);
            Assert.True(whole.AsSpan(i * Vocabulary, Vocabulary).SequenceEqual(logits), $"position {i}");
        }
    }

    [Fact]
    public void Yarn_lengthens_a_context_that_still_tells_the_first_training()
    {
        string checkpoint = Checkpoint("""{ "max_position_embeddings": 300, "rope_scaling": { "type": "yarn", """
            + """ "factor": 4, "original_max_position_embeddings": 256 } }""").Write(_folder["c"]);
        using MeKiModel model = MeKiModel.Load(checkpoint);
        Assert.Equal(1024, model.Config.ContextLength);
        Assert.Equal(new YarnRopeScaling(4, 256), model.Config.RopeScaling);
    }

    [Fact]
    public void Qwen3_as_released_slides_nowhere()
    {
        using MeKiModel model = MeKiModel.Load(Checkpoint(
            """{ "use_sliding_window": false, "sliding_window": null, "max_window_layers": 28, "rope_scaling": null, """
                + """ "layer_types": ["full_attention", "full_attention"] }""").Write(_folder["c"]));
        Assert.Empty(model.Config.Windows);
        Assert.Null(model.Config.RopeScaling);
    }

    [Theory]
    [InlineData("""{ "rope_scaling": { "type": "dynamic", "factor": 2 } }""", "$.rope_scaling: has the kind 'dynamic', which this engine does not run")]
    [InlineData("""{ "rope_scaling": { "type": "linear" } }""", "$.rope_scaling: has no field 'factor'")]
    [InlineData("""{ "rope_scaling": { "type": "linear", "factor": 0.5 } }""", "RoPE scaling: has a number that is out of range")]
    [InlineData("""{ "rope_scaling": { "type": "yarn" } }""", "$.rope_scaling: has no field 'factor'")]
    [InlineData("""{ "rope_scaling": { "type": "yarn", "factor": 4, "truncate": false } }""", "'truncate' false")]
    [InlineData("""{ "rope_scaling": { "type": "yarn", "factor": 4, "beta_fast": 1 } }""", "RoPE scaling: has a number that is out of range")]
    [InlineData("""{ "rope_scaling": { "type": "llama3", "factor": 8, """
        + """ "low_freq_factor": 4, "high_freq_factor": 4, "original_max_position_embeddings": 128 } }""", "RoPE scaling: has a number that is out of range")]
    [InlineData("""{ "rope_parameters": { "full_attention": { "rope_type": "linear", "factor": 8 } } }""", "for kinds of layers apart")]
    [InlineData("""{ "layer_types": ["full_attention"] }""", "$.layer_types: tells of 1 layers where the model has 2")]
    [InlineData("""{ "layer_types": ["full_attention", "chunked_attention"] }""", "$.layer_types[1]: 'chunked_attention' is not known")]
    [InlineData("""{ "layer_types": ["full_attention", "sliding_attention"], "sliding_window": 64 }""", "no window is in use")]
    [InlineData("""{ "use_sliding_window": true, "sliding_window": -4, "max_window_layers": 0 }""", "$.sliding_window: is negative")]
    public void Settings_that_cannot_be_run_are_named(string settings, string problem)
    {
        string folder = Checkpoint(settings).Write(_folder["c"]);
        ModelFileException failure = Assert.Throws<ModelFileException>(() => MeKiModel.Load(folder));
        Assert.StartsWith(Path.Combine(folder, "config.json"), failure.Message, StringComparison.Ordinal);
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_of_other_writers()
    {
        // A factor without a type is linear, and a period's last layer sees all.
        AssertConfig(new LinearRopeScaling(2), [], ("rope.scaling.factor", 2f));
        AssertConfig(null, [], ("rope.scaling.type", "none"));
        AssertConfig(new YarnRopeScaling(4, 1024) { AttentionFactor = 0.75f }, [],
            ("rope.scaling.type", "yarn"), ("rope.scaling.factor", 4f), ("rope.scaling.attn_factor", 1.5f), ("rope.scaling.yarn_attn_factor", 0.5f),
                ("rope.scaling.yarn_ext_factor", 1f));
        AssertConfig(null, [32, int.MaxValue], ("attention.sliding_window", 32u), ("attention.sliding_window_pattern", 2u));
        AssertConfig(null, [32, 32], ("attention.sliding_window", 32u));
        AssertConfig(null, [], ("attention.sliding_window", 0u), ("attention.sliding_window_pattern", 2u));
        AssertRefused("'longrope'", ("rope.scaling.type", "longrope"), ("rope.scaling.factor", 4f));
        AssertRefused("rope.scaling.factor': is missing", ("rope.scaling.type", "yarn"));
        AssertRefused("yarn_ext_factor", ("rope.scaling.type", "yarn"), ("rope.scaling.factor", 4f), ("rope.scaling.yarn_ext_factor", 0f));
        AssertRefused("sliding window: 3 layers are told where the model has 2", ("attention.sliding_window", 9u),
            ("attention.sliding_window_pattern", new[] { true, true, false }));
    }

    private static TinyCheckpoint Checkpoint(string settings) => new()
    {
        Tied = false,
        DamageConfig = config =>
        {
            foreach ((string name, JsonNode? value) in JsonNode.Parse(settings)!.AsObject())
                config[name] = value?.DeepClone();
        },
    };

    private void AssertConfig(RopeScaling? scaling, int[] windows, params (string Key, object Value)[] keys)
    {
        using MeKiModel model = MeKiModel.Load(Rewritten(keys));
        Assert.Equal(scaling, model.Config.RopeScaling);
        Assert.Equal(windows, model.Config.Windows);
    }

    private void AssertRefused(string problem, params (string Key, object Value)[] keys)
    {
        string path = Rewritten(keys);
        ModelFileException failure = Assert.Throws<ModelFileException>(() => MeKiModel.Load(path));
        Assert.StartsWith(path, failure.Message, StringComparison.Ordinal);
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
    }

    // A converted model's file with more keys.
    private string Rewritten((string Key, object Value)[] keys)
    {
        string folder = _folder["m"], path = _folder["rewritten.gguf"];
        if (!Directory.Exists(folder))
            Converter.Convert(Checkpoint("{}").Write(_folder["c"]), folder, new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.F32 });
        using GgufFile source = GgufFile.Open(Path.Combine(folder, "model.gguf"));
        GgufMetadata metadata = new(path);
        foreach ((string key, object value) in source.Metadata)
            metadata[key] = value;
        foreach ((string key, object value) in keys)
            metadata[$"qwen3meki.{key}"] = value;
        using (FileStream file = File.Create(path))
        {
            new GgufWriter(metadata, [.. source.Tensors.Select(tensor => new GgufTensorSource(tensor.Name, tensor.Type, tensor.Dimensions,
                (stream, _) => stream.Write(source.File.Span(tensor.Offset, (int)tensor.ByteLength))))]).WriteTo(file, CancellationToken.None);
        }
        File.Copy(Path.Combine(folder, "model.rows"), _folder["rewritten.rows"], overwrite: true);
        return path;
    }
}
