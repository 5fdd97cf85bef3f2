using MeKi.Model.Conversion;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Store;
using MeKi.Tests;

namespace MeKi.Model.Tests.Reference;

/// <summary>Checkpoints converted by us, against PyTorch: folded rows, logits, greedy continuations.</summary>
public class FoldTests
{
    [SharedTheory("reference/random-paper")]
    [InlineData("random-paper")]
    [InlineData("random-megatron")]
    [InlineData("megatron-names")]
    [InlineData("tiny-meki")]
    public void Folded_rows_are_the_references(string name)
    {
        using TemporaryFolder folder = new();
        Golden golden = Golden.Read(SharedMaterial.Path($"reference/{name}"));
        Converter.Convert(golden.Folder, folder.FullName, new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.F32 });
        using RowStore store = RowStore.Open(folder["model.rows"]);
        foreach ((int layer, int token, float[] expected) in golden.FoldedRows)
        {
            using RowLease lease = store.Lease([token]);
            float[] row = new float[store.Layout.Dimension];
            lease.Decode(0, layer, row);
            double distance = GoldenAssert.RelativeDistance(row, expected);
            Assert.True(distance < 1e-5, $"{name}, layer {layer}, token {token}: relative distance {distance:g3}");
        }
        Assert.NotEmpty(golden.FoldedRows);
    }

    [SharedTheory("reference/random-paper")]
    [InlineData("random-paper")]
    [InlineData("random-megatron")]
    [InlineData("megatron-names")]
    public void Logits_and_greedy_continuations_of_folded_weights_are_the_references(string name)
    {
        using TemporaryFolder folder = new();
        Golden golden = Golden.Read(SharedMaterial.Path($"reference/{name}"));
        Converter.Convert(golden.Folder, folder.FullName, new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.F32 });
        using MeKiModel model = MeKiModel.Load(folder.FullName, GoldenAssert.Exact);
        foreach (GoldenCase item in golden.Cases)
        {
            float[] logits = GoldenAssert.AllLogits(model, item.PromptIds);
            double distance = GoldenAssert.RelativeDistance(logits.AsSpan(^model.Config.VocabularySize..), item.LastLogits);
            Assert.True(distance < 1e-4, $"{name}, prompt of {item.PromptIds.Length}: relative distance {distance:g3}");
            Assert.Equal(item.GreedyIds, GoldenAssert.Greedy(model, item.PromptIds, item.GreedyIds.Length));
        }
    }
}
