using MeKi.Tests;

namespace MeKi.Model.Tests.Reference;

/// <summary>A trained dense model in a file that gguf-py wrote, against PyTorch.</summary>
public class ForeignModelTests
{
    // Without vectors it takes more than a minute.
    [SharedFact("gguf/pytorch.json")]
    [Trait("Length", "Long")]
    public async Task Greedy_text_logits_and_nll_of_the_f16_file_are_pytorchs()
    {
        Golden golden = Golden.Read(SharedMaterial.Path("gguf"), "pytorch.json");
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path("gguf/tiny-f16.gguf"));
        Assert.NotEmpty(golden.Cases);
        foreach (GoldenCase item in golden.Cases)
        {
            Assert.Equal(item.PromptIds, model.Tokenizer!.Encode(item.Prompt!));
            Assert.Equal(item.GreedyIds, GoldenAssert.Greedy(model, item.PromptIds, item.GreedyIds.Length));
            string text = "";
            await foreach (string piece in model.GenerateAsync(item.Prompt!, new() { Temperature = 0, MaxTokens = item.GreedyIds.Length }))
                text += piece;
            Assert.Equal(item.GreedyText, text);

            // PyTorch had the float32 weights: what differs is their rounding to f16. The bounds are those of the trained MeKi model's f16 conversion.
            float[] logits = GoldenAssert.AllLogits(model, item.PromptIds), last = logits[^model.Config.VocabularySize..];
            double difference = Math.Sqrt(item.Top8.Sum(pair => Math.Pow(last[pair.Id] - (double)pair.Logit, 2)));
            Assert.True(difference < 1e-3 * item.LogitNorm, $"'{item.Prompt}': {difference:g3} of {item.LogitNorm:g3}");
            double[] nll = GoldenAssert.Nll(logits, item.PromptIds);
            Assert.Equal(item.NllPerToken.Length, nll.Length);
            for (int i = 0; i < nll.Length; i++)
                Assert.True(Math.Abs(nll[i] - item.NllPerToken[i]) < 4e-3, $"'{item.Prompt}', token {i}: {nll[i]} is not {item.NllPerToken[i]}");
        }
    }
}
