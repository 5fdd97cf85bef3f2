using System.Text.Json.Nodes;
using MeKi.Model.Conversion;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Reference;

/// <summary>Checkpoints of Gemma's families that the reference files do not show.</summary>
public sealed class GemmaVariantTests : IDisposable
{
    private const string File4 = "foreign/gemma4.gguf";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // No rows, no earlier layer's keys, keys for values where all positions are seen, a model type of its own.
    [SharedFact(File4)]
    public void A_folder_of_12B_is_the_model_of_its_gguf_file()
    {
        GgufDraft draft = GgufDraft.Read(SharedMaterial.Path(File4));
        string[] dropped = ["per_layer_", "blk.4.attn_v.", "blk.9.attn_v."];
        foreach (string name in draft.Tensors.Keys.Where(name => Array.Exists(dropped, part => name.StartsWith(part, StringComparison.Ordinal))
            || name.Contains(".inp_gate.", StringComparison.Ordinal) || name.Contains(".proj.", StringComparison.Ordinal)
            || name.Contains(".post_norm.", StringComparison.Ordinal)).ToArray())
            draft.Tensors.Remove(name);
        string[] parts = ["attn_k", "attn_k_norm", "attn_v"];
        foreach ((int layer, string part) in Enumerable.Range(5, 5).SelectMany(layer => parts.Select(part => (layer, part))))
        {
            if (draft.Tensors.TryGetValue($"blk.{layer - 5}.{part}.weight", out DraftTensor? tensor))
                draft.Tensors[$"blk.{layer}.{part}.weight"] = tensor;
        }
        draft.Keys["gemma4.embedding_length_per_layer_input"] = 0u;
        draft.Keys["gemma4.attention.shared_kv_layers"] = 0u;
        string path = draft.Write(_folder["12b.gguf"]);
        JsonObject config = WriteFolder(path);
        JsonObject text = config["text_config"]!.AsObject();
        (config["model_type"], text["model_type"]) = ("gemma4_unified", "gemma4_unified_text");
        text["attention_k_eq_v"] = true;
        text["num_global_key_value_heads"] = text["num_key_value_heads"]!.DeepClone();
        text["intermediate_size"] = new JsonArray([.. ((int[])draft.Keys["gemma4.feed_forward_length"]).Select(width => JsonValue.Create(width))]);
        foreach (string key in new[] { "use_double_wide_mlp", "num_kv_shared_layers", "hidden_size_per_layer_input", "vocab_size_per_layer_input" })
            text.Remove(key);
        SameLogits(path, config);
    }

    [SharedFact(File4)]
    public void The_last_layer_of_a_folder_of_Gemma_4_sees_all_positions_whatever_is_told_of_it()
    {
        JsonObject config = WriteFolder(SharedMaterial.Path(File4));
        config["text_config"]!["layer_types"]![9] = "sliding_attention";
        SameLogits(SharedMaterial.Path(File4), config);
    }

    // llama.cpp's cap is 30 unless its file says 0; transformers has none unless its own says so.
    [SharedFact(File4)]
    public void Logits_without_a_cap_stay_so_when_a_folder_becomes_a_gguf_file()
    {
        GgufDraft draft = GgufDraft.Read(SharedMaterial.Path(File4));
        draft.Keys.Remove("gemma4.final_logit_softcapping");
        JsonObject config = WriteFolder(SharedMaterial.Path(File4));
        SameLogits(draft.Write(_folder["silent.gguf"]), config);
        config["text_config"]!.AsObject().Remove("final_logit_softcapping");
        draft.Keys["gemma4.final_logit_softcapping"] = 0f;
        SameLogits(draft.Write(_folder["uncapped.gguf"]), config);
        ConversionResult converted = Converter.Convert(_folder["hf"], _folder["to"], new() { WeightType = WeightRecipe.Of(GgmlType.F32) });
        SameLogits(converted.ModelPath, config);
    }

    private JsonObject WriteFolder(string gguf)
    {
        HuggingFaceFolder.Write(gguf, _folder["hf"]);
        return JsonNode.Parse(File.ReadAllText(Path.Combine(_folder["hf"], "config.json")))!.AsObject();
    }

    private void SameLogits(string gguf, JsonObject config)
    {
        File.WriteAllText(Path.Combine(_folder["hf"], "config.json"), config.ToJsonString());
        using MeKiModel one = MeKiModel.Load(gguf, GoldenAssert.Exact), other = MeKiModel.Load(_folder["hf"], GoldenAssert.Exact);
        int[] tokens = [2, .. Enumerable.Range(0, 40).Select(i => 37 * i % 500)];
        Assert.Equal(GoldenAssert.AllLogits(one, tokens), GoldenAssert.AllLogits(other, tokens));
    }
}
