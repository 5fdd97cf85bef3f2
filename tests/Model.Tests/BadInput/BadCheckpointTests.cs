using System.Text;
using System.Text.Json.Nodes;
using MeKi.Model.Conversion;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.BadInput;

/// <summary>
/// Checkpoints that are incomplete or damaged: refused alike when loaded and when converted, with the file and the place, and nothing is written.
/// </summary>
public sealed class BadCheckpointTests : IDisposable
{
    private const string Query = "model.layers.1.self_attn.q_proj.weight";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Weights => Path.Combine(_folder["c"], "model.safetensors");

    private string Config => Path.Combine(_folder["c"], "config.json");

    [Fact]
    public void Missing_checkpoint()
    {
        Assert.Throws<ModelFileException>(() => MeKiModel.Load(_folder["none"]));
        ModelFileException failure = Assert.Throws<ModelFileException>(() => Converter.Convert(_folder["none"], _folder["out"]));
        Assert.StartsWith(_folder["none"], failure.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public void Missing_weights()
    {
        new TinyCheckpoint().Write(_folder["c"]);
        File.Delete(Weights);
        Refused(_folder["c"], "holds neither model.safetensors nor");
    }

    [Fact]
    public void Missing_shard()
    {
        new TinyCheckpoint { Shards = 3 }.Write(_folder["c"]);
        string shard = Path.Combine(_folder["c"], "model-00002-of-00003.safetensors");
        File.Delete(shard);
        Refused(shard, "does not exist");
    }

    [Theory]
    [InlineData(4, "header")]
    [InlineData(500, "header: needs")]
    [InlineData(-1, "do not lie in the")]
    [InlineData(-100_000, "do not lie in the")]
    public void Truncated_weights(int length, string problem)
    {
        new TinyCheckpoint().Write(_folder["c"]);
        using (FileStream file = File.OpenWrite(Weights))
            file.SetLength(length < 0 ? file.Length + length : length);
        Refused(Weights, problem);
    }

    [Fact]
    public void Header_longer_than_the_file()
    {
        new TinyCheckpoint().Write(_folder["c"]);
        byte[] bytes = File.ReadAllBytes(Weights);
        BitConverter.GetBytes(50_000_000L).CopyTo(bytes, 0);
        File.WriteAllBytes(Weights, bytes);
        Refused(Weights, "header: needs 50000008 bytes");
    }

    [Theory]
    [InlineData("overlap")]
    [InlineData("overflow")]
    public void Offsets_that_overlap_or_overflow(string damage)
    {
        new TinyCheckpoint().Write(_folder["c"]);
        byte[] bytes = File.ReadAllBytes(Weights);
        int length = (int)BitConverter.ToInt64(bytes);
        JsonObject header = JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject();
        JsonObject tensor = header[Query]!.AsObject();
        if (damage == "overlap")
            tensor["data_offsets"] = header["model.layers.0.self_attn.q_proj.weight"]!["data_offsets"]!.DeepClone();
        else
            tensor["data_offsets"] = new JsonArray(long.MaxValue - 8, long.MaxValue);
        byte[] changed = Encoding.UTF8.GetBytes(header.ToJsonString());
        File.WriteAllBytes(Weights, [.. BitConverter.GetBytes((long)changed.Length), .. changed, .. bytes[(8 + length)..]]);
        Refused(Weights, damage == "overlap" ? "overlaps another tensor" : $"tensor '{Query}': its data_offsets");
    }

    [Fact]
    public void Shape_that_disagrees_with_the_configuration()
    {
        new TinyCheckpoint { DamageConfig = config => config["intermediate_size"] = 97 }.Write(_folder["c"]);
        Refused(Weights, "tensor 'model.layers.0.mlp.gate_proj.weight': has shape [96, 64] where the configuration makes it [97, 64]");
    }

    [Fact]
    public void Shape_of_a_stacked_tensor_that_disagrees_with_the_configuration()
    {
        new TinyCheckpoint { Naming = Naming.Megatron, DamageConfig = config => config["num_key_value_heads"] = 4 }.Write(_folder["c"]);
        Refused(Weights, "tensor 'decoder.layers.0.self_attention.linear_qkv.weight': has shape [128, 64] where the configuration makes it [192, 64]");
    }

    [Fact]
    public void Fewer_rows_than_the_vocabulary()
    {
        new TinyCheckpoint { Naming = Naming.Megatron, HasTokenizer = false, DamageConfig = config => config["vocab_size"] = 301 }.Write(_folder["c"]);
        Refused(Weights, "has shape [300, ");
    }

    [Theory]
    [InlineData(Query)]
    [InlineData("model.norm.weight")]
    [InlineData("model.layers.1.meki.alpha")]
    [InlineData("model.layers.1.meki.beta")]
    [InlineData("model.layers.1.meki.mix_norm.weight")]
    [InlineData("model.layers.0.meki.projection.up_proj.weight")]
    [InlineData("model.layers.0.meki.gate_proj.weight")]
    public void Missing_tensor(string name)
    {
        new TinyCheckpoint { Damage = tensors => tensors.Remove(name) }.Write(_folder["c"]);
        Refused(_folder["c"], $"tensor '{name}': is missing");
    }

    [Fact]
    public void Missing_embedding()
    {
        new TinyCheckpoint { Damage = tensors => tensors.Remove("model.embed_tokens.weight") }.Write(_folder["c"]);
        Refused(_folder["c"], "tensor names: no naming scheme is recognised");
    }

    [Fact]
    public void Neither_memory_nor_projection()
    {
        new TinyCheckpoint { Static = false, Dynamic = false }.Write(_folder["c"]);
        Refused(_folder["c"], "layer 0: has neither a memory table nor a projection");
    }

    [Theory]
    [InlineData("F31", "has the unknown dtype 'F31'")]
    [InlineData("I32", "has dtype I32")]
    public void Dtype_that_holds_no_weights(string type, string problem)
    {
        new TinyCheckpoint { Damage = tensors => tensors[Query].DType = type }.Write(_folder["c"]);
        Refused(Weights, $"tensor '{Query}': {problem}");
    }

    [Theory]
    [InlineData("model_type", "\"gpt2\"", "$.model_type: architecture 'gpt2' is not known")]
    [InlineData("model_type", "null", "$.model_type")]
    [InlineData("hidden_size", "\"64\"", "$.hidden_size: is not an integer")]
    [InlineData("hidden_size", "99999999999", "$.hidden_size: is not an integer")]
    [InlineData("hidden_size", "0", "hidden size: 0 is out of range")]
    [InlineData("num_hidden_layers", "-1", "layers: -1 is out of range")]
    [InlineData("num_key_value_heads", "3", "key/value heads: 3 does not divide the 4 heads")]
    [InlineData("head_dim", "15", "head dimension: 15 is odd")]
    [InlineData("vocab_size", "null", "has no field 'vocab_size'")]
    [InlineData("rope_scaling", "{\"type\":\"yarn\"}", "$.rope_scaling")]
    [InlineData("hidden_act", "\"gelu\"", "$.hidden_act")]
    [InlineData("meki_gate_input", "\"both\"", "$.meki_gate_input: 'both' is not known")]
    [InlineData("meki_fusion", "\"additive\"", "$.meki_fusion: 'additive' is not known. Write one of 'additive_sigmoid', ")]
    [InlineData("meki_placement", "\"PARALLEL_FFN\"", "$.meki_placement: 'PARALLEL_FFN' is not known. Write one of 'parallel_ffn', ")]
    [InlineData("meki_projection_norm", "true", "$.meki_projection_norm: is true, but the tensor")]
    [InlineData("tie_word_embeddings", "1", "$.tie_word_embeddings: is neither true nor false")]
    public void Configuration_that_is_wrong(string key, string value, string problem)
    {
        new TinyCheckpoint { HasTokenizer = false, DamageConfig = config => config[key] = JsonNode.Parse(value) }.Write(_folder["c"]);
        Refused(Config, problem);
    }

    [Theory]
    [InlineData("", "is not valid JSON")]
    [InlineData("{\"model_type\":", "is not valid JSON")]
    [InlineData("[]", "$: is not an object")]
    [InlineData("{\"model_type\":\"\u00ff\"}", "$.model_type: is not valid Unicode")]
    public void Configuration_that_is_no_configuration(string text, string problem)
    {
        new TinyCheckpoint().Write(_folder["c"]);
        File.WriteAllBytes(Config, Encoding.Latin1.GetBytes(text));
        Refused(Config, problem);
    }

    [Fact]
    public void Tokenizer_that_is_no_tokenizer()
    {
        new TinyCheckpoint().Write(_folder["c"]);
        string tokenizer = _folder[Path.Combine("c", "tokenizer.json")];
        File.WriteAllText(tokenizer, "{\"model\":{\"type\":\"Unigram\"}}");
        Refused(tokenizer, "$.model.type: 'Unigram' is not supported");
    }

    [Fact]
    [Trait("Fault", "18.15")]
    public void Tokenizer_with_more_tokens_than_the_embedding_has_rows()
    {
        new TinyCheckpoint().Write(_folder["c"]);
        string tokenizer = _folder[Path.Combine("c", "tokenizer.json")];
        File.WriteAllText(tokenizer, """{"model":{"type":"BPE","vocab":{"a":2097151},"merges":[]},"pre_tokenizer":{"type":"ByteLevel"}}""");
        Refused(_folder["c"], "tokenizer: has 2097152 tokens where the embedding has 300 rows");
    }

    [Theory]
    [InlineData("F32", float.NaN)]
    [InlineData("F32", float.PositiveInfinity)]
    [InlineData("F16", float.NegativeInfinity)]
    [InlineData("BF16", float.PositiveInfinity)]
    public void Weight_that_is_not_finite(string type, float value)
    {
        new TinyCheckpoint { DType = type, Damage = tensors => tensors[Query].Values[17 * 64 + 5] = value }.Write(_folder["c"]);
        string shown = value.ToString(System.Globalization.CultureInfo.InvariantCulture);
        ConversionRefused(new(), $"{Weights}: tensor '{Query}': the value at row 17, column 5 is {shown}");
    }

    [Fact]
    public void Infinity_in_the_last_value_of_a_large_table()
    {
        new TinyCheckpoint { Vocabulary = 9_001, Damage = tensors => tensors["model.layers.1.meki.memory.weight"].Values[^1] = float.NaN }.Write(_folder["c"]);
        ConversionRefused(new(), $"{Weights}: tensor 'model.layers.1.meki.memory.weight': the value at row 9000, column 31 is NaN");
    }

    [Fact]
    public void Weight_beyond_half_precision()
    {
        new TinyCheckpoint { Damage = tensors => tensors[Query].Values[63 * 64 + 1] = -70_000 }.Write(_folder["c"]);
        ConversionRefused(new() { WeightType = WeightRecipe.Of(GgmlType.F16) },
            $"{_folder["c"]}: tensor '{Query}': the value -70000 at row 63, column 1 is beyond the range of");
        Assert.True(File.Exists(Converter.Convert(_folder["c"], _folder["out"], new() { WeightType = WeightRecipe.Of(GgmlType.F32) }).ModelPath));
    }

    [Fact]
    public void Weight_beyond_the_scale_of_q8_0()
    {
        new TinyCheckpoint { Damage = tensors => tensors[Query].Values[0] = 9e6f }.Write(_folder["c"]);
        ConversionRefused(new() { WeightType = WeightRecipe.Of(GgmlType.Q8_0) }, "row 0, column 0 is beyond the range of");
    }

    [Fact]
    public void Expert_row_beyond_half_precision()
    {
        new TinyCheckpoint { Damage = tensors => tensors["model.layers.1.meki.alpha"].Values[0] = 1e6f }.Write(_folder["c"]);
        ConversionRefused(new() { RowType = RowType.F16 }, $"{_folder["c"]}: layer 1: the expert row of token 0 holds ");
        ConversionRefused(new() { RowType = RowType.Int4 }, "beyond the range of int4. Convert with --rows int8.");
    }

    [Fact]
    public void Expert_row_that_overflows()
    {
        new TinyCheckpoint { Damage = tensors => tensors["model.layers.0.meki.alpha"].Values[0] = float.MaxValue }.Write(_folder["c"]);
        ConversionRefused(new(), $"{_folder["c"]}: layer 0: the expert row of token 0 is not finite");
    }

    private void Refused(string file, string problem)
    {
        foreach (Action action in new Action[] { () => MeKiModel.Load(_folder["c"]).Dispose(), () => Converter.Convert(_folder["c"], _folder["out"]) })
        {
            ModelFileException failure = Assert.Throws<ModelFileException>(action);
            Assert.StartsWith(file + ": ", failure.Message, StringComparison.Ordinal);
            Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
        }
        Assert.False(Directory.Exists(_folder["out"]));
    }

    private void ConversionRefused(ConverterOptions options, string message)
    {
        ModelFileException failure = Assert.Throws<ModelFileException>(() => Converter.Convert(_folder["c"], _folder["out"], options));
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
    }
}
