using System.Text.Json.Nodes;
using MeKi.Model.Adapters;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Adapters;

/// <summary>The forms that adapters come in, and what is refused of them.</summary>
public sealed class AdapterFormatTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ModelConfig _config = ModelFiles.ReadConfig(tiny.Checkpoint);

    public void Dispose() => _folder.Dispose();

    // Llama's rows of q and k are reordered in GGUF, Phi's matrices lie stacked in both.
    [SharedTheory("foreign")]
    [InlineData("llama")]
    [InlineData("phi3")]
    [InlineData("gemma3")]
    public void An_adapter_survives_every_form(string family)
    {
        string file = SharedMaterial.Path($"foreign/{family}.gguf");
        if (!File.Exists(file))
            return;
        ModelConfig config = ModelFiles.ReadConfig(file);
        LoraAdapter adapter = RandomAdapter.Of(config, rank: 3, seed: 1);
        LoraWriter writer = new(config, BlockFormat.Of(GgmlType.F32));
        writer.WritePeft(adapter, _folder["peft"], "base");
        AssertSame(adapter, Read(_folder["peft"], config));
        writer.WriteGguf(adapter, _folder["a.gguf"]);
        AssertSame(adapter, Read(_folder["a.gguf"], config));
        writer.WriteShared([adapter, RandomAdapter.Of(config, rank: 2, seed: 2, "other")], _folder["s.gguf"]);
        using LoraFile shared = LoraFile.Open(_folder["s.gguf"], config);
        Assert.Equal(["random", "other"], shared.Adapters.Select(each => each.Name));
        AssertSame(adapter, shared.Adapters[0]);
    }

    [SharedFact("foreign/llama.gguf")]
    public void Rows_of_q_are_reordered_between_gguf_and_peft()
    {
        ModelConfig config = ModelFiles.ReadConfig(SharedMaterial.Path("foreign/llama.gguf"));
        Assert.True(config.PairsAreNeighbours);
        LoraAdapter adapter = RandomAdapter.Of(config, rank: 2, seed: 1);
        new LoraWriter(config, BlockFormat.Of(GgmlType.F32)).WritePeft(adapter, _folder["peft"], "base");
        using MeKi.Model.Files.SafetensorsFile file = MeKi.Model.Files.SafetensorsFile.Open(_folder["peft/adapter_model.safetensors"]);
        MeKi.Model.Files.SafetensorsTensor q = file.Tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"];
        float[] values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(q.File.Span(q.Offset, (int)q.ByteLength)).ToArray();
        float[] own = adapter.Pairs[new(0, Architectures.Role.Query)].B.ToFloats();
        // Rows 0 and 1 in GGUF are 0 and half a head of the checkpoint.
        Assert.Equal(own[2..4], values[(2 * (config.RotaryDimension / 2))..][..2]);
    }

    [Fact]
    public void Factors_may_be_halves_or_eight_bits()
    {
        LoraAdapter adapter = RandomAdapter.Of(_config, rank: 32, seed: 1);
        foreach ((GgmlType type, double most) in new[] { (GgmlType.F16, 1e-3), (GgmlType.BF16, 1e-2), (GgmlType.Q8_0, 2e-2) })
        {
            new LoraWriter(_config, BlockFormat.Of(type)).WriteGguf(adapter, _folder[$"{type}.gguf"]);
            using LoraFile file = LoraFile.Open(_folder[$"{type}.gguf"], _config);
            foreach ((LoraTarget target, LoraPair pair) in file.Adapters[0].Pairs)
            {
                Assert.Equal(type, pair.A.Format.Type);
                Assert.True(Reference.GoldenAssert.RelativeDistance(pair.B.ToFloats(), adapter.Pairs[target].B.ToFloats()) < most);
            }
        }
    }

    [Fact]
    public void Factors_that_adapters_share_are_stored_once()
    {
        LoraAdapter one = RandomAdapter.Of(_config, rank: 4, seed: 1, "one"), two = RandomAdapter.Of(_config, rank: 4, seed: 2, "two");
        LoraAdapter sharing = two with { Pairs = two.Pairs.ToDictionary(pair => pair.Key, pair => pair.Value with { A = one.Pairs[pair.Key].A }) };
        LoraWriter writer = new(_config, BlockFormat.Of(GgmlType.F32));
        writer.WriteShared([one, two], _folder["apart.gguf"]);
        writer.WriteShared([one, sharing], _folder["shared.gguf"]);
        Assert.True(new FileInfo(_folder["shared.gguf"]).Length < 0.85 * new FileInfo(_folder["apart.gguf"]).Length);
        using LoraFile file = LoraFile.Open(_folder["shared.gguf"], _config);
        AssertSame(sharing, file.Adapters[1]);
        Assert.All(one.Pairs.Keys, target => Assert.Same(file.Adapters[0].Pairs[target].A, file.Adapters[1].Pairs[target].A));
    }

    [Theory]
    [InlineData("""{"r": 8, "lora_alpha": 16}""", "model.layers.0.mlp.up_proj", 8, 2.0)]
    [InlineData("""{"r": 16, "lora_alpha": 16, "use_rslora": true}""", "model.layers.0.mlp.up_proj", 16, 4.0)]
    [InlineData("""{"r": 8, "lora_alpha": 16, "rank_pattern": {"up_proj": 4}}""", "model.layers.0.mlp.up_proj", 4, 4.0)]
    [InlineData("""{"r": 8, "lora_alpha": 16, "rank_pattern": {"p_proj": 4}}""", "model.layers.0.mlp.up_proj", 8, 2.0)]
    [InlineData("""{"r": 8, "lora_alpha": 16, "rank_pattern": {"layers.1.mlp.up_proj": 4}}""", "model.layers.11.mlp.up_proj", 8, 2.0)]
    [InlineData("""{"r": 8, "lora_alpha": 16, "alpha_pattern": {"layers.[01]\\..*_proj": 4}}""", "model.layers.1.mlp.up_proj", 8, 0.5)]
    [InlineData("""{"r": 8, "lora_alpha": 16, "alpha_pattern": {"^model.layers.0.mlp.up_proj": 4}}""", "model.layers.0.mlp.up_proj", 8, 0.5)]
    public void Ranks_and_scales_are_those_of_peft(string json, string module, int rank, double scale)
    {
        File.WriteAllText(_folder["c.json"], json);
        PeftConfig config = PeftConfig.Read(_folder["c.json"]);
        Assert.Equal((rank, (float)scale), (config.RankOf(module), config.ScaleOf(module)));
    }

    [Theory]
    [InlineData("""["up_proj"]""", true, false)]
    [InlineData("""["mlp.up_proj", "model.layers.1.self_attn.q_proj"]""", true, true)]
    [InlineData("""["p_proj"]""", false, false)]
    [InlineData("\"all-linear\"", true, true)]
    [InlineData("\".*\\\\.(up|down)_proj\"", true, false)]
    [InlineData("\"up_proj\"", false, false)]
    public void Modules_are_targeted_as_peft_does(string targets, bool up, bool query)
    {
        File.WriteAllText(_folder["c.json"], $$"""{"r": 8, "target_modules": {{targets}}}""");
        PeftConfig config = PeftConfig.Read(_folder["c.json"]);
        Assert.Equal((up, query), (config.Targets("model.layers.0.mlp.up_proj"), config.Targets("model.layers.1.self_attn.q_proj")));
    }

    [Theory]
    [InlineData("[1]", null, false, true)]
    [InlineData("0", "\"layers\"", true, false)]
    [InlineData("[0, 1]", "[\"h\"]", false, false)]
    public void Layers_are_chosen_as_peft_does(string layers, string? pattern, bool zero, bool one)
    {
        File.WriteAllText(_folder["c.json"],
            $$"""{"r": 8, "target_modules": ["up_proj"], "layers_to_transform": {{layers}}, "layers_pattern": {{pattern ?? "null"}}}""");
        PeftConfig config = PeftConfig.Read(_folder["c.json"]);
        Assert.Equal((zero, one), (config.Targets("model.layers.0.mlp.up_proj"), config.Targets("model.layers.1.mlp.up_proj")));
    }

    [Theory]
    [InlineData("use_dora", "true", "DoRA")]
    [InlineData("bias", "\"all\"", "biases")]
    [InlineData("modules_to_save", "[\"lm_head\"]", "low-rank")]
    [InlineData("peft_type", "\"IA3\"", "IA3")]
    [InlineData("r", "0", "no rank")]
    [InlineData("r", "5", "rank 4 where adapter_config.json says 5")]
    [InlineData("lora_alpha", "\"x\"", "not a number")]
    [InlineData("init_lora_weights", "\"pissa_niter_4\"", "pissa")]
    [InlineData("target_modules", "[\"q_proj\"]", "is not among the modules")]
    [InlineData("target_modules", "\"(\"", "regular expression")]
    public void A_configuration_of_something_else_is_refused(string field, string value, string says)
    {
        Peft(rank: 4);
        string path = _folder["peft/adapter_config.json"];
        JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
        json[field] = JsonNode.Parse(value);
        File.WriteAllText(path, json.ToJsonString());
        Assert.Contains(says, Refusal(_folder["peft"]), StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_of_another_model_is_refused_with_a_tensors_name()
    {
        ModelConfig wider = ModelFiles.ReadConfig(new TinyCheckpoint { Hidden = 96, HasTokenizer = false }.Write(_folder["wide"])),
            deeper = ModelFiles.ReadConfig(new TinyCheckpoint { Layers = 3, HasTokenizer = false }.Write(_folder["deep"]));
        foreach (ModelConfig other in new[] { wider, deeper })
        {
            LoraWriter writer = new(other, BlockFormat.Of(GgmlType.F32));
            writer.WritePeft(RandomAdapter.Of(other, 2, 1), _folder["peft"], "base");
            writer.WriteGguf(RandomAdapter.Of(other, 2, 1), _folder["a.gguf"]);
            Assert.Contains("tensor 'base_model.model.", Refusal(_folder["peft"]), StringComparison.Ordinal);
            Assert.Contains("tensor 'blk.", Refusal(_folder["a.gguf"]), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Numbers_that_are_none_are_refused()
    {
        LoraAdapter adapter = RandomAdapter.Of(_config, 2, 1);
        LoraTarget target = new(1, Architectures.Role.Down);
        float[] b = adapter.Pairs[target].B.ToFloats();
        b[5] = float.NaN;
        Dictionary<LoraTarget, LoraPair> pairs = new(adapter.Pairs) { [target] = adapter.Pairs[target] with { B = new(b.Length / 2, 2, b) } };
        new LoraWriter(_config, BlockFormat.Of(GgmlType.F32)).WriteGguf(adapter with { Pairs = pairs }, _folder["nan.gguf"]);
        using MeKiModel model = tiny.Load(converted: true);
        ModelFileException failure = Assert.Throws<ModelFileException>(() => model.CreateSession([new(_folder["nan.gguf"])]));
        Assert.Contains("tensor 'blk.1.ffn_down.weight.lora_b': has a value in row 2 that is not a number", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rank_above_the_width_is_refused()
    {
        LoraAdapter adapter = RandomAdapter.Of(_config, 2, 1);
        LoraTarget target = new(0, Architectures.Role.Query);
        Dictionary<LoraTarget, LoraPair> pairs = new(adapter.Pairs) { [target] = new(new(65, 64, new float[65 * 64]), new(64, 65, new float[64 * 65]), 1) };
        LoraWriter writer = new(_config, BlockFormat.Of(GgmlType.F32));
        writer.WriteGguf(adapter with { Pairs = pairs }, _folder["a.gguf"]);
        writer.WritePeft(adapter with { Pairs = pairs }, _folder["peft"], "base");
        Assert.Contains("has rank 65, where a matrix of 64 inputs takes 1 to 64", Refusal(_folder["a.gguf"]), StringComparison.Ordinal);
        Assert.Contains("has rank 65, where a matrix of 64 inputs takes 1 to 64", Refusal(_folder["peft"]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.gguf")]
    [InlineData("peft/adapter_model.safetensors")]
    [InlineData("peft/adapter_config.json")]
    [InlineData("s.gguf")]
    public void A_file_that_is_cut_short_is_refused(string name)
    {
        Peft(rank: 4);
        LoraWriter writer = new(_config, BlockFormat.Of(GgmlType.F32));
        writer.WriteGguf(RandomAdapter.Of(_config, 4, 1), _folder["a.gguf"]);
        writer.WriteShared([RandomAdapter.Of(_config, 4, 1, "x"), RandomAdapter.Of(_config, 4, 2, "y")], _folder["s.gguf"]);
        byte[] whole = File.ReadAllBytes(_folder[name]);
        foreach (int length in new[] { 0, 1, 9, whole.Length / 7, whole.Length / 2, whole.Length - 1 })
        {
            File.WriteAllBytes(_folder[name], whole[..length]);
            Assert.Throws<ModelFileException>(() => Read(name.StartsWith("peft", StringComparison.Ordinal) ? _folder["peft"] : _folder[name], _config));
        }
    }

    private void Peft(int rank) => new LoraWriter(_config, BlockFormat.Of(GgmlType.F32)).WritePeft(RandomAdapter.Of(_config, rank, 1), _folder["peft"], "base");

    private string Refusal(string path) => Assert.Throws<ModelFileException>(() => Read(path, _config)).Message;

    private static LoraAdapter Read(string path, ModelConfig config)
    {
        using LoraFile file = LoraFile.Open(path, config);
        LoraAdapter adapter = file.Adapters[0];
        return adapter with
        {
            Pairs = adapter.Pairs.ToDictionary(pair => pair.Key, pair => pair.Value with { A = Copy(pair.Value.A), B = Copy(pair.Value.B) }),
        };

        static LoraFactor Copy(LoraFactor factor) => new(factor.Rows, factor.Columns, factor.ToFloats());
    }

    private static void AssertSame(LoraAdapter expected, LoraAdapter actual)
    {
        Assert.Equal(expected.Pairs.Keys.ToHashSet(), actual.Pairs.Keys.ToHashSet());
        foreach ((LoraTarget target, LoraPair pair) in expected.Pairs)
        {
            Assert.Equal(pair.A.ToFloats(), actual.Pairs[target].A.ToFloats());
            Assert.Equal(pair.B.ToFloats(), actual.Pairs[target].B.ToFloats());
            Assert.Equal(pair.Scale, actual.Pairs[target].Scale, 1e-6f);
        }
    }
}
