using MeKi.Tests;

namespace MeKi.Model.Tests.Checkpoints;

/// <summary>A checkpoint that tells of the MeKi branch has its tensors.</summary>
[Trait("Fault", "18.11")]
public sealed class BranchTensorTests : IDisposable
{
    private readonly HostileFiles _files = new();

    public void Dispose() => _files.Dispose();

    [SharedFact("faults/hf-no-mix-norm")]
    public void The_folder_that_died_at_its_first_token_is_refused() =>
        _files.RefusedEverywhere(SharedMaterial.Path("faults/hf-no-mix-norm"), "tensor 'model.layers.0.meki.mix_norm.weight': is missing");

    [Theory]
    [InlineData("meki.mix_norm.weight")]
    [InlineData("meki.alpha")]
    [InlineData("meki.beta")]
    [InlineData("meki.gate_proj.weight")]
    [InlineData("meki.out_proj.weight")]
    [InlineData("meki.post_norm.weight")]
    [InlineData("meki.projection.up_proj.weight")]
    public void A_tensor_of_the_branch_that_all_layers_lack_is_missing(string tensor) =>
        _files.RefusedEverywhere(Without(name => name.EndsWith(tensor, StringComparison.Ordinal)), $"tensor 'model.layers.0.{tensor}': is missing");

    [Fact]
    public void A_memory_dimension_without_any_tensor_of_the_branch_is_refused()
    {
        _files.RefusedEverywhere(Without(name => name.Contains(".meki.", StringComparison.Ordinal)), "tensor 'model.layers.0.meki.", "is missing");
        foreach (string name in new[] { "mem_dim", "meki_dim", "d_mem" })
            _files.RefusedEverywhere(_files.Folder($$"""{ "{{name}}": 16 }"""), "tensor 'model.layers.0.meki.", "is missing");
    }

    [Fact]
    public void The_branch_without_a_memory_dimension_takes_its_tensors()
    {
        float[] expected = HostileFiles.Logits(_files.Folder(HostileFiles.MeKi));
        Assert.Equal(expected, HostileFiles.Logits(_files.Folder(HostileFiles.MeKi, """{ "mem_dim": null }""")));
        Assert.Equal(expected, HostileFiles.Logits(_files.Folder(HostileFiles.MeKi, """{ "mem_dim": 0 }""")));
        TinyCheckpoint damaged = HostileFiles.MeKi with { Damage = tensors => tensors.Remove("model.layers.0.meki.mix_norm.weight") };
        _files.RefusedEverywhere(_files.Folder(damaged, """{ "mem_dim": null }"""), "tensor 'model.layers.");
    }

    [Theory]
    [InlineData(15)]
    [InlineData(17)]
    [InlineData(-1)]
    public void Another_memory_dimension_than_the_tensors_is_refused(int dimension) =>
        _files.RefusedEverywhere(_files.Folder(HostileFiles.MeKi, $$"""{ "mem_dim": {{dimension}} }"""));

    private string Without(Func<string, bool> isGone) => _files.Folder(HostileFiles.MeKi with
    {
        Damage = tensors =>
        {
            foreach (string name in tensors.Keys.Where(isGone).ToArray())
                tensors.Remove(name);
        },
    });
}
