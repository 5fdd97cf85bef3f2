namespace MeKi.Model.Tests.Checkpoints;

/// <summary>The base of the rotary embedding wherever <c>config.json</c> tells it, as transformers 5 reads it.</summary>
[Trait("Fault", "18.7")]
public sealed class RotaryBaseTests : IDisposable
{
    private readonly HostileFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("""{ "rope_theta": 10000, "rope_parameters": { "rope_theta": 7000, "rope_type": "default" } }""", 7000)]
    [InlineData("""{ "rope_theta": 10000, "rope_parameters": { "rope_type": "default" } }""", 10000)]
    [InlineData("""{ "rope_theta": null, "rope_parameters": { "rope_theta": 7000 } }""", 7000)]
    [InlineData("""{ "rope_theta": 10000, "rope_parameters": { "rope_theta": null } }""", 10000)]
    [InlineData("""{ "rope_theta": 10000, "rope_parameters": null }""", 10000)]
    [InlineData("""{ "rope_theta": 10000, "rope_scaling": { "rope_theta": 7000, "rope_type": "default" } }""", 7000)]
    [InlineData("""{ "rope_theta": null, "rope_scaling": { "rope_theta": 7000 } }""", 7000)]
    [InlineData("""{ "rope_theta": 10000, "rope_scaling": null, "rope_parameters": { "rope_theta": 7000 } }""", 7000)]
    [InlineData("""{ "rope_theta": 10000, "rope_scaling": {}, "rope_parameters": { "rope_theta": 7000 } }""", 7000)]
    [InlineData("""{ "rope_theta": 10000, "rope_scaling": { "rope_theta": 7000 }, "rope_parameters": { "rope_theta": 8000 } }""", 7000)]
    [InlineData("""{ "rope_theta": 7e3 }""", 7000)]
    [InlineData("""{ "rope_theta": null }""", 10000)]
    [InlineData("""{ "rope_theta": null, "rope_parameters": { "rope_type": "default" } }""", 10000)]
    public void The_inner_base_counts_then_the_outer_one_then_ten_thousand(string settings, float expected)
    {
        string gguf = _files.Gguf(draft => draft.Keys["qwen3.rope.freq_base"] = expected);
        Assert.Equal(HostileFiles.Logits(gguf), HostileFiles.Logits(_files.Folder(settings)));
    }

    [Theory]
    [InlineData("""{ "rope_theta": 10000, "rope_parameters": { "rope_theta": 7000, "rope_type": "linear", "factor": 4 } }""")]
    [InlineData("""{ "rope_theta": 10000, "rope_scaling": { "rope_theta": 7000, "type": "linear", "factor": 4 } }""")]
    [InlineData("""{ "rope_theta": 7000, "rope_scaling": { "type": "linear", "factor": 4 } }""")]
    public void Base_and_scaling_are_read_from_one_object(string settings)
    {
        string gguf = _files.Gguf(draft => (draft.Keys["qwen3.rope.freq_base"], draft.Keys["qwen3.rope.scaling.factor"]) = (7000f, 4f));
        Assert.Equal(HostileFiles.Logits(gguf), HostileFiles.Logits(_files.Folder(settings)));
    }

    [Theory]
    [InlineData("""{ "rope_theta": 10000, "partial_rotary_factor": 0.5 }""", 4u)]
    [InlineData("""{ "rope_parameters": { "rope_theta": 10000, "partial_rotary_factor": 0.25 } }""", 2u)]
    public void A_rotation_of_a_part_of_each_head_is_that_of_as_many_values_in_gguf(string settings, uint turned)
    {
        string gguf = _files.Gguf(draft => (draft.Keys["qwen3.rope.freq_base"], draft.Keys["qwen3.rope.dimension_count"]) = (10000f, turned));
        float[] logits = HostileFiles.Logits(_files.Folder(settings));
        Assert.Equal(HostileFiles.Logits(gguf), logits);
        Assert.NotEqual(HostileFiles.Logits(_files.Folder("""{ "rope_theta": 10000 }""")), logits);
    }

    [Theory]
    [InlineData("""{ "partial_rotary_factor": 0.2 }""")]
    [InlineData("""{ "partial_rotary_factor": 0 }""")]
    [InlineData("""{ "partial_rotary_factor": -1 }""")]
    [InlineData("""{ "partial_rotary_factor": 1.5 }""")]
    public void A_rotation_of_no_whole_pairs_is_refused(string settings) => _files.RefusedEverywhere(_files.Folder(settings));

    [Theory]
    [InlineData("""{ "rope_parameters": { "rope_theta": "10000" } }""")]
    [InlineData("""{ "rope_parameters": { "rope_theta": 0 } }""")]
    [InlineData("""{ "rope_parameters": { "rope_theta": -10000 } }""")]
    [InlineData("""{ "rope_parameters": { "rope_theta": NaN } }""")]
    [InlineData("""{ "rope_parameters": { "rope_theta": 1e300 } }""")]
    [InlineData("""{ "rope_scaling": { "rope_theta": [10000] } }""")]
    [InlineData("""{ "rope_theta": Infinity }""")]
    public void A_base_that_is_none_is_refused(string settings) => _files.RefusedEverywhere(_files.Folder(settings));
}
