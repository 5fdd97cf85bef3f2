using MeKi.Tests;

namespace MeKi.Model.Tests.Checkpoints;

/// <summary>Every tensor of a file is used, or is known to be of no use, or the file is refused with its name: what was trained is what is computed.</summary>
[Trait("Fault", "18.1")]
public sealed class UnusedWeightTests : IDisposable
{
    private readonly HostileFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void A_gguf_file_and_a_folder_of_one_model_give_the_same_bits()
    {
        foreach (TinyCheckpoint model in new[] { HostileFiles.Dense, HostileFiles.Dense with { Tied = false } })
            AssertSame(_files.Folder(model), _files.Gguf(model, _ => { }));
    }

    [Theory]
    [InlineData("blk.0.attn_q.bias")]
    [InlineData("blk.1.attn_k.bias")]
    [InlineData("blk.1.attn_output.bias")]
    [InlineData("blk.0.ffn_down.bias")]
    [InlineData("blk.0.attn_norm.bias")]
    [InlineData("blk.0.attn_sinks.weight")]
    [InlineData("blk.0.post_attention_norm.weight")]
    [InlineData("blk.0.ffn_gate_inp.weight")]
    [InlineData("blk.0.ffn_gate_exps.weight")]
    [InlineData("blk.0.attn_q.scale")]
    [InlineData("blk.0.attn_q.weight.lora_a")]
    [InlineData("blk.0.meki_gate.weight")]
    [InlineData("blk.0.rope_freqs.weight")]
    [InlineData("blk.2.attn_norm.weight")]
    [InlineData("blk.00.attn_norm.weight")]
    [InlineData("blk.-1.attn_norm.weight")]
    [InlineData("blk.0.nextn.eh_proj.weight")]
    [InlineData("token_embd_norm.weight")]
    [InlineData("position_embd.weight")]
    [InlineData("output_norm.bias")]
    [InlineData("output.bias")]
    [InlineData("rope_factors_long.weight")]
    [InlineData("rope_factors_short.weight")]
    [InlineData("cls.output.weight")]
    [InlineData("vx.weight")]
    [InlineData("TOKEN_EMBD.WEIGHT")]
    [InlineData("lm_head.weight")]
    [InlineData("model.layers.0.self_attn.q_proj.bias")]
    public void A_gguf_file_with_a_tensor_that_nobody_uses_is_refused_with_its_name(string name) =>
        _files.RefusedEverywhere(_files.Gguf(draft => draft.Tensors[name] = DraftTensor.Filled(0.5f, 32)), $"tensor '{name}'");

    [Theory]
    [InlineData("v.patch_embd.weight")]
    [InlineData("v.blk.0.attn_q.bias")]
    [InlineData("v.blk.0.attn_q_norm.weight")]
    [InlineData("a.conv1d.1.weight")]
    [InlineData("mm.0.weight")]
    [InlineData("blk.1.attn_rot_embd.weight")]
    public void Towers_and_rotary_caches_of_a_gguf_file_change_nothing(string name)
    {
        TinyCheckpoint[] models = [HostileFiles.Dense, HostileFiles.Dense with { QkNorm = false, Tied = false }];
        foreach (TinyCheckpoint model in models)
            AssertSame(_files.Gguf(model, _ => { }), _files.Gguf(model, draft => draft.Tensors[name] = DraftTensor.Filled(0.5f, 32)));
    }

    [Fact]
    public void A_gguf_file_of_more_layers_than_it_tells_is_refused() =>
        _files.RefusedEverywhere(_files.Gguf(draft => draft.Keys["qwen3.block_count"] = 1u), "tensor 'blk.1.");

    [Fact]
    public void A_gguf_file_of_fewer_layers_than_it_tells_is_refused() =>
        _files.RefusedEverywhere(_files.Gguf(draft => draft.Keys["qwen3.block_count"] = 3u), "tensor 'blk.2.", "is missing");

    [Fact]
    public void Layers_that_guess_further_tokens_are_left_alone_where_the_file_tells_of_them()
    {
        string plain = _files.Gguf(_ => { });
        Assert.Equal(HostileFiles.Logits(plain), HostileFiles.Logits(_files.Gguf(draft =>
        {
            draft.Keys["qwen3.block_count"] = 3u;
            draft.Keys["qwen3.nextn_predict_layers"] = 1u;
            draft.Tensors["blk.2.attn_norm.weight"] = DraftTensor.Filled(1, 32);
            draft.Tensors["blk.2.nextn.eh_proj.weight"] = DraftTensor.Filled(1, 64, 32);
        })));
        TinyCheckpoint folder = HostileFiles.Dense with
        {
            Damage = tensors => (tensors["model.layers.2.eh_proj.weight"], tensors["mtp.norm.weight"]) = (Ones(32, 64), Ones(32)),
        };
        Assert.Equal(HostileFiles.Logits(plain), HostileFiles.Logits(_files.Folder(folder, """{ "num_nextn_predict_layers": 1 }""")));
        _files.RefusedEverywhere(_files.Folder(folder), "tensor 'm");
        _files.RefusedEverywhere(_files.Folder(folder, """{ "num_nextn_predict_layers": 0 }"""), "tensor 'm");
        foreach (object count in new object[] { -1, 3u, uint.MaxValue, "one" })
            HostileFiles.Refused(_files.Gguf(draft => draft.Keys["qwen3.nextn_predict_layers"] = count));
    }

    [Theory]
    [InlineData("blk.0.attn_q_norm.weight")]
    [InlineData("blk.0.attn_k_norm.weight")]
    [InlineData("blk.1.attn_q_norm.weight")]
    [InlineData("blk.1.attn_k_norm.weight")]
    public void Norms_of_queries_and_keys_that_one_layer_lacks_are_missing(string name) =>
        _files.RefusedEverywhere(_files.Gguf(draft => draft.Tensors.Remove(name)), $"tensor '{name}': is missing");

    [Fact]
    public void Norms_of_queries_without_those_of_keys_are_refused()
    {
        _files.RefusedEverywhere(_files.Gguf(draft => Remove(draft, "attn_k_norm")), "tensor 'blk.0.attn_k_norm.weight': is missing");
        _files.RefusedEverywhere(_files.Gguf(draft => Remove(draft, "attn_q_norm")), "tensor 'blk.0.attn_q_norm.weight': is missing");
    }

    [Fact]
    public void No_norms_of_queries_and_keys_at_all_are_another_model()
    {
        string without = _files.Gguf(draft =>
        {
            Remove(draft, "attn_k_norm");
            Remove(draft, "attn_q_norm");
        });
        Assert.Equal(HostileFiles.Logits(_files.Folder(HostileFiles.Dense with { QkNorm = false })), HostileFiles.Logits(without));
        Assert.NotEqual(HostileFiles.Logits(_files.Gguf(_ => { })), HostileFiles.Logits(without));
    }

    [Theory]
    [InlineData("token_embd.weight")]
    [InlineData("output_norm.weight")]
    [InlineData("blk.0.attn_norm.weight")]
    [InlineData("blk.1.attn_q.weight")]
    [InlineData("blk.1.attn_k.weight")]
    [InlineData("blk.0.attn_v.weight")]
    [InlineData("blk.1.attn_output.weight")]
    [InlineData("blk.0.ffn_norm.weight")]
    [InlineData("blk.1.ffn_gate.weight")]
    [InlineData("blk.0.ffn_up.weight")]
    [InlineData("blk.1.ffn_down.weight")]
    public void A_tensor_that_is_missing_is_named(string name) =>
        _files.RefusedEverywhere(_files.Gguf(draft => draft.Tensors.Remove(name)), $"tensor '{name}': is missing");

    [Fact]
    public void Rotary_divisors_are_used_and_those_of_another_length_refused()
    {
        string plain = _files.Gguf(_ => { });
        Assert.Equal(HostileFiles.Logits(plain), HostileFiles.Logits(_files.Gguf(draft => draft.Tensors["rope_freqs.weight"] = DraftTensor.Filled(1, 4))));
        Assert.NotEqual(HostileFiles.Logits(plain), HostileFiles.Logits(_files.Gguf(draft => draft.Tensors["rope_freqs.weight"] = DraftTensor.Filled(2, 4))));
        foreach (long length in new[] { 1, 3, 5, 8 })
            _files.RefusedEverywhere(_files.Gguf(draft => draft.Tensors["rope_freqs.weight"] = DraftTensor.Filled(1, length)), "tensor 'rope_freqs.weight'");
        foreach (float divisor in new[] { 0, -1, float.NaN, float.PositiveInfinity })
            _files.RefusedEverywhere(_files.Gguf(draft => draft.Tensors["rope_freqs.weight"] = DraftTensor.Filled(divisor, 4)), "RoPE scaling");
    }

    [Fact]
    public void A_gguf_files_output_is_its_head()
    {
        string tied = _files.Gguf(_ => { });
        Assert.Equal(HostileFiles.Logits(tied), HostileFiles.Logits(_files.Gguf(draft => draft.Tensors["output.weight"] = draft.Tensors["token_embd.weight"])));
        Assert.NotEqual(HostileFiles.Logits(tied), HostileFiles.Logits(_files.Gguf(draft => draft.Tensors["output.weight"] = DraftTensor.Filled(1, 32, 24))));
    }

    [Theory]
    [InlineData("blk.0.meki_mix_norm.weight")]
    [InlineData("blk.1.meki_memory.weight")]
    [InlineData("blk.0.meki_gate.bias")]
    [InlineData("blk.0.attn_q.bias")]
    [InlineData("blk.2.meki_gate.weight")]
    public void A_folded_model_with_a_tensor_that_nobody_uses_is_refused_with_its_name(string name) =>
        _files.RefusedEverywhere(Path.Combine(_files.Folded(draft => draft.Tensors[name] = DraftTensor.Filled(0.5f, 16)), "model.gguf"), $"tensor '{name}'");

    [Theory]
    [InlineData("blk.0.meki_gate.weight")]
    [InlineData("blk.1.meki_out.weight")]
    [InlineData("blk.1.meki_post_norm.weight")]
    [InlineData("blk.0.attn_q_norm.weight")]
    public void A_folded_model_that_lacks_a_tensor_is_refused_with_its_name(string name) =>
        _files.RefusedEverywhere(Path.Combine(_files.Folded(draft => draft.Tensors.Remove(name)), "model.gguf"), $"tensor '{name}': is missing");

    [Theory]
    [InlineData("model.layers.0.self_attn.q_proj.bias")]
    [InlineData("model.layers.1.self_attn.v_proj.bias")]
    [InlineData("model.layers.0.mlp.down_proj.bias")]
    [InlineData("model.layers.0.self_attn.sinks")]
    [InlineData("model.layers.0.self_attn.q_proj.lora_A.weight")]
    [InlineData("model.layers.0.mlp.gate.weight")]
    [InlineData("model.layers.2.input_layernorm.weight")]
    [InlineData("model.layers.0.meki.gate_proj.weight")]
    [InlineData("model.embed_tokens_extra.weight")]
    [InlineData("model.norm.bias")]
    [InlineData("lm_head.bias")]
    [InlineData("score.weight")]
    [InlineData("mtp.norm.weight")]
    [InlineData("embed_tokens.weight")]
    [InlineData("decoder.final_layernorm.weight")]
    [InlineData("token_embd.weight")]
    public void A_folder_with_a_tensor_that_nobody_uses_is_refused_with_its_name(string name) =>
        _files.RefusedEverywhere(_files.Folder(HostileFiles.Dense with { Damage = tensors => tensors[name] = Ones(32) }), $"tensor '{name}'");

    [Theory]
    [InlineData("model.layers.0.self_attn.rotary_emb.inv_freq")]
    [InlineData("model.rotary_emb.inv_freq")]
    [InlineData("model.visual.blocks.0.attn.qkv.bias")]
    [InlineData("visual.merger.mlp.0.weight")]
    [InlineData("model.vision_tower.encoder.layer.weight")]
    [InlineData("vision_tower.encoder.layer.weight")]
    [InlineData("model.audio_tower.layers.0.weight")]
    [InlineData("audio_tower.conv1.bias")]
    [InlineData("multi_modal_projector.linear_1.bias")]
    [InlineData("model.multi_modal_projector.linear_1.weight")]
    [InlineData("model.embed_vision.embedding_projection.weight")]
    [InlineData("model.language_model.layers.0.self_attn.q_proj.input_max")]
    public void Towers_and_rotary_caches_of_a_folder_change_nothing(string name) =>
        AssertSame(_files.Folder(HostileFiles.Dense), _files.Folder(HostileFiles.Dense with { Damage = tensors => tensors[name] = Ones(32) }));

    [Theory]
    [InlineData(nameof(Naming.Demo), "meki_module.gate_proj.bias")]
    [InlineData(nameof(Naming.Demo), "layers.1.meki_module.gate_proj.bias")]
    [InlineData(nameof(Naming.Demo), "model.layers.0.self_attn.q_proj.bias")]
    [InlineData(nameof(Naming.Demo), "model.word_emb.weight")]
    [InlineData(nameof(Naming.Megatron), "decoder.layers.0.self_attention.linear_qkv.bias")]
    [InlineData(nameof(Naming.Megatron), "decoder.layers.1.mlp.linear_fc1.bias")]
    [InlineData(nameof(Naming.Megatron), "decoder.layers.2.mlp.linear_fc1.weight")]
    [InlineData(nameof(Naming.Megatron), "decoder.final_layernorm.bias")]
    [InlineData(nameof(Naming.Megatron), "embedding.position_embeddings.weight")]
    [InlineData(nameof(Naming.Megatron), "decoder.layers.0.input_layernorm.weight")]
    public void Other_naming_schemes_leave_nothing_over_either(string naming, string name)
    {
        TinyCheckpoint checkpoint = HostileFiles.MeKi with { Naming = Enum.Parse<Naming>(naming), Damage = tensors => tensors[name] = Ones(32) };
        _files.RefusedEverywhere(_files.Folder(checkpoint), $"tensor '{name}'");
    }

    [Theory]
    [InlineData("decoder.layers.0.self_attention.linear_qkv._extra_state")]
    [InlineData("rotary_pos_emb.inv_freq")]
    public void What_megatron_keeps_for_training_changes_nothing(string name)
    {
        TinyCheckpoint checkpoint = HostileFiles.MeKi with { Naming = Naming.Megatron };
        AssertSame(_files.Folder(checkpoint), _files.Folder(checkpoint with { Damage = tensors => tensors[name] = Ones(32) }));
    }

    [Theory]
    [InlineData(nameof(Naming.Reference), "model.embed_tokens.weight", "lm_head.weight")]
    [InlineData(nameof(Naming.Demo), "word_emb.weight", "lm_head.weight")]
    [InlineData(nameof(Naming.Megatron), "embedding.word_embeddings.weight", "output_layer.weight")]
    public void A_head_that_repeats_the_embedding_changes_nothing_and_another_one_is_refused(string naming, string embedding, string head)
    {
        TinyCheckpoint tied = HostileFiles.MeKi with { Naming = Enum.Parse<Naming>(naming) };
        AssertSame(_files.Folder(tied), _files.Folder(tied with { Damage = tensors => tensors[head] = tensors[embedding] }));
        foreach (int at in new[] { 0, 24 * 32 - 1 })
        {
            _files.RefusedEverywhere(_files.Folder(tied with
            {
                Damage = tensors =>
                {
                    float[] values = [.. tensors[embedding].Values];
                    values[at] += 1;
                    tensors[head] = new(tensors[embedding].Shape, values);
                },
            }), $"tensor '{head}'");
        }
        _files.RefusedEverywhere(_files.Folder(tied with { Damage = tensors => tensors[head] = Ones(32) }), $"tensor '{head}'");
    }

    [Fact]
    public void Norms_of_queries_and_keys_in_some_layers_of_a_folder_are_missing_in_the_others()
    {
        foreach (string norm in new[] { "q_norm", "k_norm" })
        {
            foreach (int layer in new[] { 0, 1 })
            {
                string name = $"model.layers.{layer}.self_attn.{norm}.weight";
                TinyCheckpoint damaged = HostileFiles.Dense with { Damage = tensors => tensors.Remove(name) };
                _files.RefusedEverywhere(_files.Folder(damaged, """{ "qk_norm": null }"""), $"tensor '{name}': is missing");
            }
        }
        // The configuration says that there are none.
        _files.RefusedEverywhere(_files.Folder("""{ "qk_norm": false }"""), "tensor 'model.layers.0.self_attn.");
    }

    [Theory]
    [InlineData("model.layers.0.meki.memory.weight")]
    [InlineData("model.layers.1.meki.memory.weight")]
    [InlineData("model.layers.0.meki.projection.norm.weight")]
    [InlineData("model.layers.1.meki.projection.norm.weight")]
    [InlineData("model.layers.1.meki.projection.gate_proj.weight")]
    [InlineData("model.layers.0.meki.projection.down_proj.weight")]
    public void What_the_branch_may_do_without_is_in_all_layers_or_in_none(string name)
    {
        TinyCheckpoint checkpoint = HostileFiles.MeKi with { ProjectionNorm = true, Damage = tensors => tensors.Remove(name) };
        _files.RefusedEverywhere(_files.Folder(checkpoint, """{ "meki_projection_norm": null }"""), $"tensor '{name}': is missing");
    }

    [Fact]
    public void A_whole_layers_projection_that_one_layer_lacks_is_missing()
    {
        TinyCheckpoint checkpoint = HostileFiles.MeKi with
        {
            Damage = tensors =>
            {
                foreach (string name in tensors.Keys.Where(name => name.StartsWith("model.layers.1.meki.projection.", StringComparison.Ordinal)).ToArray())
                    tensors.Remove(name);
            },
        };
        _files.RefusedEverywhere(_files.Folder(checkpoint), "tensor 'model.layers.1.meki.projection.", "is missing");
    }

    [Fact]
    public void The_scale_of_a_projection_that_a_static_only_model_lacks_is_of_no_use()
    {
        TinyCheckpoint checkpoint = HostileFiles.MeKi with { Dynamic = false };
        AssertSame(_files.Folder(checkpoint), _files.Folder(checkpoint with { Damage = tensors => tensors["model.layers.1.meki.beta"] = Ones(1) }));
    }

    private static void AssertSame(string expected, string path) => Assert.Equal(HostileFiles.Logits(expected), HostileFiles.Logits(path));

    private static CheckpointTensor Ones(params long[] shape) =>
        new(shape, [.. Enumerable.Repeat(1f, (int)shape.Aggregate(1L, (product, length) => product * length))]);

    private static void Remove(GgufDraft draft, string part)
    {
        foreach (string name in draft.Tensors.Keys.Where(name => name.Contains(part, StringComparison.Ordinal)).ToArray())
            draft.Tensors.Remove(name);
    }
}
