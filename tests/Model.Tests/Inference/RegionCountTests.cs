using MeKi.Model.Checkpoints;
using MeKi.Model.Conversion;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Inference;

/// <summary>A region is a barrier. The branch beside a block joins the block's regions and has none of its own.</summary>
public sealed class RegionCountTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Placement.ParallelFeedForward, 1, 0)]
    [InlineData(Placement.ParallelFeedForward, 40, 0)]
    [InlineData(Placement.ParallelAttention, 1, 0)]
    [InlineData(Placement.AfterFeedForward, 1, 2)]
    [InlineData(Placement.AfterAttention, 1, 2)]
    public void The_branch_beside_a_block_costs_no_barrier(Placement placement, int tokens, int regionsOfLayer)
    {
        string checkpoint = new TinyCheckpoint { Placement = VariantNames.Placement.Of(placement) }.Write(_folder["c"]);
        Converter.Convert(checkpoint, _folder["m"], new() { WeightType = WeightRecipe.Of(GgmlType.Q8_0) });
        (long with, int layers) = Regions(withoutMeKi: false, tokens);
        (long without, _) = Regions(withoutMeKi: true, tokens);
        Assert.Equal(without + layers * regionsOfLayer, with);
    }

    [Fact]
    public void A_decoded_token_costs_five_regions_a_layer_and_one_for_its_logits()
    {
        new TinyCheckpoint().Write(_folder["c"]);
        Converter.Convert(_folder["c"], _folder["m"], new() { WeightType = WeightRecipe.Of(GgmlType.Q8_0) });
        (long regions, int layers) = Regions(withoutMeKi: false, 1);
        Assert.Equal(5 * layers + 1, regions);
    }

    private (long Regions, int Layers) Regions(bool withoutMeKi, int tokens)
    {
        using MeKiModel model = MeKiModel.Load(_folder["m"], new() { Threads = 2, WithoutMeKi = withoutMeKi });
        using MeKiSession session = model.CreateSession();
        session.Forward([1, 2, 3], []);
        long before = model.Loaded.Pool.Regions;
        session.Forward(TinyModel.Tokens(tokens), new float[model.Config.VocabularySize]);
        return (model.Loaded.Pool.Regions - before, model.Config.Layers);
    }
}
