using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using MeKi.Model.Adapters;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Quant;

namespace MeKi.Model.Tests.Adapters;

/// <summary>Folders as PEFT and those who use it write them.</summary>
public sealed class PeftFilesTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private const string Weights = "adapter_model.safetensors", Config = "adapter_config.json";

    private readonly TemporaryFolder _folder = new();
    private readonly ModelConfig _config = ModelFiles.ReadConfig(tiny.Checkpoint);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Weights_may_be_in_shards()
    {
        LoraAdapter whole = Write("whole");
        JsonObject map = [];
        for (int layer = 0; layer < 2; layer++)
        {
            // The head is numbered as one of the first layer.
            LoraAdapter part = whole with { Pairs = whole.Pairs.Where(pair => pair.Key.Layer == layer).ToDictionary() };
            new LoraWriter(_config, BlockFormat.Of(GgmlType.F32)).WritePeft(part, _folder[$"part{layer}"], "base");
            string shard = $"adapter_model-0000{layer + 1}-of-00002.safetensors";
            foreach (string name in Header(_folder[$"part{layer}/{Weights}"]).Select(tensor => tensor.Key).Where(name => name != "__metadata__"))
                map[name] = shard;
            File.Copy(_folder[$"part{layer}/{Weights}"], _folder[$"whole/{shard}"]);
        }
        File.Delete(_folder[$"whole/{Weights}"]);
        File.WriteAllText(_folder[$"whole/{Weights}.index.json"], new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map }.ToJsonString());
        AssertSame(whole, _folder["whole"]);
        File.Delete(_folder["whole/adapter_model-00002-of-00002.safetensors"]);
        Assert.Contains("adapter_model-00002-of-00002.safetensors", Refusal("whole"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(".lora_A.weight", ".lora_A.default.weight")]
    [InlineData("base_model.model.model.", "base_model.model.base_model.model.model.")]
    [InlineData("base_model.model.model.", "model.")]
    public void Names_may_have_the_adapters_name_or_more_or_no_wrappers(string from, string to)
    {
        LoraAdapter adapter = Write("a");
        Rename("a", from, to);
        AssertSame(adapter, _folder["a"]);
    }

    // PEFT itself turns it off for a plain linear layer.
    [Theory]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("target_modules", "\"all-linear\"")]
    [InlineData("target_modules", "\".*\"")]
    [InlineData("target_modules", "null")]
    [InlineData("modules_to_save", "[]")]
    [InlineData("loftq_config", "{}")]
    [InlineData("layers_to_transform", "null")]
    [InlineData("init_lora_weights", "\"gaussian\"")]
    [InlineData("runtime_config", """{"ephemeral_gpu_offload": false}""")]
    [InlineData("peft_version", "\"0.18.0@UNKNOWN\"")]
    public void What_changes_nothing_is_passed_over(string field, string value)
    {
        LoraAdapter adapter = Write("a");
        Set("a", field, value);
        AssertSame(adapter, _folder["a"]);
    }

    [Theory]
    [InlineData(".lora_A.weight", ".lora_embedding_A", "an adapter of the embedding")]
    [InlineData(".lora_A.weight", ".lora_magnitude_vector.weight", "DoRA")]
    [InlineData(".lora_A.weight", ".lora_B.bias", "a bias beside lora_B")]
    [InlineData(".lora_A.weight", ".base_layer.weight", "no low-rank factor")]
    [InlineData(".lora_A.weight", ".modules_to_save.weight", "trained as a whole")]
    [InlineData(".lora_A.weight", ".lora_A2.weight", "no low-rank factor")]
    public void A_tensor_of_another_kind_is_refused_by_name(string from, string to, string says)
    {
        Write("a");
        string name = Rename("a", from, to, count: 1);
        string refusal = Refusal("a");
        Assert.Contains(says, refusal, StringComparison.Ordinal);
        Assert.Contains(name, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void A_factor_without_its_other_is_refused()
    {
        Write("a");
        Rename("a", "layers.1.mlp.down_proj.lora_B", "layers.1.mlp.down_proj.lora_A.other");
        Assert.Contains("layers.1.mlp.down_proj.lora_A", Refusal("a"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("use_dora", "true")]
    [InlineData("modules_to_save", """["embed_tokens", "lm_head"]""")]
    [InlineData("bias", "\"lora_only\"")]
    [InlineData("lora_bias", "true")]
    [InlineData("trainable_token_indices", """{"embed_tokens": [1]}""")]
    [InlineData("layer_replication", "[[0, 1]]")]
    [InlineData("r", "-1")]
    [InlineData("r", "1.5")]
    [InlineData("rank_pattern", """{"q_proj": 0}""")]
    [InlineData("alpha_pattern", """{"q_proj": 1e300}""")]
    public void A_field_that_does_not_run_is_refused_by_name(string field, string value)
    {
        Write("a");
        Set("a", field, value);
        Assert.Contains($"$.{field}", Refusal("a"), StringComparison.Ordinal);
    }

    private LoraAdapter Write(string name)
    {
        LoraAdapter adapter = RandomAdapter.Of(_config, rank: 3, seed: 1);
        new LoraWriter(_config, BlockFormat.Of(GgmlType.F32)).WritePeft(adapter, _folder[name], "base");
        return adapter;
    }

    private void Set(string name, string field, string value)
    {
        JsonNode json = JsonNode.Parse(File.ReadAllText(_folder[$"{name}/{Config}"]))!;
        json[field] = JsonNode.Parse(value);
        File.WriteAllText(_folder[$"{name}/{Config}"], json.ToJsonString());
    }

    private static JsonObject Header(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        return JsonNode.Parse(bytes.AsSpan(8, (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes)))!.AsObject();
    }

    // The names of tensors; the last that was changed.
    private string Rename(string folder, string from, string to, int count = int.MaxValue)
    {
        string path = _folder[$"{folder}/{Weights}"], last = "";
        byte[] bytes = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        JsonObject renamed = [];
        foreach ((string name, JsonNode? tensor) in Header(path))
        {
            bool changes = count > 0 && name.Contains(from, StringComparison.Ordinal);
            string now = changes ? name.Replace(from, to, StringComparison.Ordinal) : name;
            (count, last) = changes ? (count - 1, now) : (count, last);
            renamed[now] = tensor!.DeepClone();
        }
        byte[] header = Encoding.UTF8.GetBytes(renamed.ToJsonString());
        byte[] size = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(size, (ulong)header.Length);
        File.WriteAllBytes(path, [.. size, .. header, .. bytes[(8 + length)..]]);
        return last;
    }

    private string Refusal(string name) => Assert.Throws<ModelFileException>(() => LoraFile.Open(_folder[name], _config)).Message;

    private void AssertSame(LoraAdapter expected, string path)
    {
        using LoraFile file = LoraFile.Open(path, _config);
        Assert.Equal(expected.Pairs.Keys.ToHashSet(), file.Adapters[0].Pairs.Keys.ToHashSet());
        foreach ((LoraTarget target, LoraPair pair) in expected.Pairs)
        {
            LoraPair read = file.Adapters[0].Pairs[target];
            Assert.Equal(pair.A.ToFloats(), read.A.ToFloats());
            Assert.Equal(pair.B.ToFloats(), read.B.ToFloats());
            Assert.Equal(pair.Scale, read.Scale, 1e-6f);
        }
    }
}
