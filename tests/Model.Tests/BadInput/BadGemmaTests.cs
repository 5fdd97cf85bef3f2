using System.Text.Json.Nodes;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Tests;

namespace MeKi.Model.Tests.BadInput;

/// <summary>Gemma files that contradict themselves, or tell of what this engine does not run.</summary>
public sealed class BadGemmaTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SharedTheory("foreign/gemma4.json")]
    [InlineData("gemma4", "attention.sliding_window", 0u, "attention.sliding_window")]
    [InlineData("gemma4", "attention.shared_kv_layers", 8u, "no earlier one of their kind")]
    [InlineData("gemma4", "attention.shared_kv_layers", 10u, "shared key/value layers")]
    [InlineData("gemma4", "attention.key_length_swa", 30u, "attention.value_length_swa")]
    [InlineData("gemma4", "embedding_length_per_layer_input", 64u, "per_layer_token_embd.weight")]
    [InlineData("gemma4", "embedding_length_per_layer_input", 0u, "is none that this model")]
    [InlineData("gemma4", "expert_count", 8u, "a mixture of experts")]
    [InlineData("gemma4", "final_logit_softcapping", float.NaN, "soft cap")]
    [InlineData("gemma3", "rope.freq_base_swa", 0.5f, "RoPE theta")]
    [InlineData("gemma3n", "altup.num_inputs", 2u, "altup.num_inputs")]
    [InlineData("gemma3n", "attention.shared_kv_layers", float.PositiveInfinity, "shared key/value layers")]
    public void A_key_that_does_not_fit_is_named(string family, string key, object value, string said)
    {
        GgufDraft draft = GgufDraft.Read(SharedMaterial.Path($"foreign/{family}.gguf"));
        draft.Keys[$"{family}.{key}"] = value;
        Assert.Contains(said, Refused(draft), StringComparison.Ordinal);
    }

    [SharedFact("foreign/gemma4.json")]
    public void A_table_with_fewer_rows_than_the_vocabulary_is_refused()
    {
        GgufDraft draft = GgufDraft.Read(SharedMaterial.Path("foreign/gemma4.gguf"));
        draft.Tensors["per_layer_token_embd.weight"] = DraftTensor.Filled(1, 320, 521);
        Assert.Contains("'per_layer_token_embd.weight'", Refused(draft), StringComparison.Ordinal);
    }

    [SharedTheory("foreign/gemma4.json")]
    [InlineData("attention.sliding_window_pattern")]
    [InlineData("feed_forward_length")]
    public void A_list_of_another_number_of_layers_is_refused(string key)
    {
        GgufDraft draft = GgufDraft.Read(SharedMaterial.Path("foreign/gemma4.gguf"));
        Array list = (Array)draft.Keys[$"gemma4.{key}"];
        draft.Keys[$"gemma4.{key}"] = list.GetType() == typeof(bool[]) ? ((bool[])list)[1..] : ((int[])list)[1..];
        Assert.Contains("where the model has 10", Refused(draft), StringComparison.Ordinal);
    }

    [SharedFact("foreign/gemma4.json")]
    public void Full_layers_without_values_take_their_keys()
    {
        GgufDraft draft = GgufDraft.Read(SharedMaterial.Path("foreign/gemma4.gguf"));
        draft.Tensors["blk.4.attn_v.weight"] = draft.Tensors["blk.4.attn_k.weight"];
        float[] copied = Logits(draft.Write(_folder["copied.gguf"]));
        draft.Tensors.Remove("blk.4.attn_v.weight");
        Assert.Equal(copied, Logits(draft.Write(_folder["without.gguf"])));
        draft.Tensors.Remove("blk.3.attn_v.weight");
        Assert.Contains("'blk.3.attn_v.weight'", Refused(draft), StringComparison.Ordinal);
    }

    [SharedFact("foreign/gemma4.json")]
    public void Without_a_window_all_layers_of_Gemma_3_see_all_positions_and_others_are_refused()
    {
        GgufDraft draft = GgufDraft.Read(SharedMaterial.Path("foreign/gemma3.gguf"));
        draft.Keys["gemma3.attention.sliding_window"] = (uint)draft.Keys["gemma3.context_length"];
        draft.Keys["gemma3.rope.freq_base_swa"] = draft.Keys["gemma3.rope.freq_base"];
        draft.Keys["gemma3.attention.sliding_window_pattern"] = 1u;
        float[] wide = Logits(draft.Write(_folder["wide.gguf"]));
        draft.Keys.Remove("gemma3.attention.sliding_window");
        Assert.Equal(wide, Logits(draft.Write(_folder["none.gguf"])));
        draft = GgufDraft.Read(SharedMaterial.Path("foreign/gemma4.gguf"));
        draft.Keys.Remove("gemma4.attention.sliding_window");
        Assert.Contains("'gemma4.attention.sliding_window'", Refused(draft), StringComparison.Ordinal);
    }

    [SharedFact("foreign/gemma4.json")]
    public void Suppressed_tokens_are_never_likely()
    {
        GgufDraft draft = GgufDraft.Read(SharedMaterial.Path("foreign/gemma4.gguf"));
        float[] usual = Logits(draft.Write(_folder["usual.gguf"]));
        int likeliest = Array.IndexOf(usual, usual.Max());
        draft.Keys["tokenizer.ggml.suppress_tokens"] = new[] { likeliest, 7 };
        float[] suppressed = Logits(draft.Write(_folder["suppressed.gguf"]));
        (usual[likeliest], usual[7]) = (float.NegativeInfinity, float.NegativeInfinity);
        Assert.Equal(usual, suppressed);
    }

    [SharedTheory("foreign/gemma4.json")]
    [InlineData("sliding_window", "0", "$.text_config.sliding_window")]
    [InlineData("enable_moe_block", "true", "enable_moe_block")]
    [InlineData("num_experts", "128", "a mixture of experts")]
    [InlineData("hidden_activation", "\"silu\"", "hidden_activation")]
    [InlineData("layer_types", "[\"full_attention\"]", "where the model has 10")]
    [InlineData("num_kv_shared_layers", "7", "no earlier one of their kind")]
    public void A_setting_of_a_folder_that_does_not_fit_is_named(string key, string value, string said)
    {
        HuggingFaceFolder.Write(SharedMaterial.Path("foreign/gemma4.gguf"), _folder["hf"]);
        string path = Path.Combine(_folder["hf"], "config.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(path))!;
        config["text_config"]![key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        Assert.Contains(said, Assert.Throws<ModelFileException>(() => MeKiModel.Load(_folder["hf"])).Message, StringComparison.Ordinal);
    }

    private static float[] Logits(string path)
    {
        using MeKiModel model = MeKiModel.Load(path, GoldenAssert.Exact);
        float[] all = GoldenAssert.AllLogits(model, [2, 281, 279, 284, 277]);
        return all[^model.Config.VocabularySize..];
    }

    private string Refused(GgufDraft draft) =>
        Assert.Throws<ModelFileException>(() => MeKiModel.Load(draft.Write(_folder["bad.gguf"]))).Message;
}
