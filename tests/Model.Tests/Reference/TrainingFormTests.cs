using MeKi.Tests;

namespace MeKi.Model.Tests.Reference;

/// <summary>Checkpoints run as they were trained, the expert vectors computed for each token, against PyTorch.</summary>
public class TrainingFormTests
{
    [SharedTheory("reference/random-paper")]
    [InlineData("random-paper")]
    [InlineData("random-megatron")]
    [InlineData("megatron-names")]
    public void Logits_and_greedy_continuations_are_the_references(string name)
    {
        Golden golden = Golden.Read(SharedMaterial.Path($"reference/{name}"));
        using MeKiModel model = MeKiModel.Load(golden.Folder, GoldenAssert.Exact);
        foreach (GoldenCase item in golden.Cases)
        {
            float[] logits = GoldenAssert.AllLogits(model, item.PromptIds);
            double distance = GoldenAssert.RelativeDistance(logits.AsSpan(^model.Config.VocabularySize..), item.LastLogits);
            Assert.True(distance < 1e-4, $"{name}, prompt of {item.PromptIds.Length}: relative distance {distance:g3}");
            Assert.Equal(item.GreedyIds, GoldenAssert.Greedy(model, item.PromptIds, item.GreedyIds.Length));
        }
    }
}
