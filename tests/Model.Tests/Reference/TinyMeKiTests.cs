using MeKi.Kernels;
using MeKi.Model.Conversion;
using MeKi.Model.Evaluation;
using MeKi.Model.Generation;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Reference;

/// <summary>The trained model against PyTorch: in training form, converted to f16, and as it ships (q8_0 and int8 rows).</summary>
public class TinyMeKiTests
{
    private const string Checkpoint = "reference/tiny-meki";

    private static readonly string Demo = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    [SharedTheory(Checkpoint)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Logits_nll_and_greedy_text_are_the_references(bool converted)
    {
        Golden golden = Golden.Read(SharedMaterial.Path(Checkpoint));
        using TemporaryFolder folder = new();
        if (converted)
            Converter.Convert(golden.Folder, folder.FullName, new() { WeightType = WeightRecipe.Of(GgmlType.F16), RowType = RowType.F16 });
        using MeKiModel model = MeKiModel.Load(converted ? folder.FullName : golden.Folder);
        foreach (GoldenCase item in golden.Cases)
        {
            Assert.Equal(item.PromptIds, model.Tokenizer!.Encode(item.Prompt!));
            float[] logits = GoldenAssert.AllLogits(model, item.PromptIds);
            ReadOnlySpan<float> last = logits.AsSpan(^model.Config.VocabularySize..);
            int[] likeliest = [.. Enumerable.Range(0, last.Length).OrderByDescending(id => logits[logits.Length - model.Config.VocabularySize + id]).Take(8)];
            Assert.Equal(item.Top8.Select(pair => pair.Id), likeliest);
            // "Relative" is to the norm of the whole vector: the eight logits differ by less than 1e-3 of it.
            double difference =
                Math.Sqrt(item.Top8.Sum(pair => Math.Pow(logits[logits.Length - model.Config.VocabularySize + pair.Id] - (double)pair.Logit, 2)));
            Assert.True(difference < 1e-3 * item.LogitNorm, $"'{item.Prompt}': {difference:g3} of {item.LogitNorm:g3}");
            double[] nll = GoldenAssert.Nll(logits, item.PromptIds);
            for (int i = 0; i < nll.Length; i++)
                Assert.True(Math.Abs(nll[i] - item.NllPerToken[i]) < 1e-3, $"'{item.Prompt}', token {i}: {nll[i]} is not {item.NllPerToken[i]}");

            string text = "";
            await foreach (string piece in model.GenerateAsync(item.Prompt!, new() { Temperature = 0, MaxTokens = item.GreedyIds.Length }))
                text += piece;
            Assert.Equal(item.GreedyText, text);
        }
    }

    [SharedTheory(Checkpoint)]
    [InlineData(GgmlType.F16, RowType.F16)]
    [InlineData(GgmlType.Q8_0, RowType.Int8)]
    [Trait("Length", "Long")]
    public void Quantising_moves_the_mean_nll_of_10240_tokens_by_less_than_a_hundredth(GgmlType weights, RowType rows)
    {
        Golden golden = Golden.Read(SharedMaterial.Path(Checkpoint));
        using TemporaryFolder folder = new();
        Converter.Convert(golden.Folder, folder.FullName, new() { WeightType = WeightRecipe.Of(weights), RowType = rows });
        using MeKiModel model = MeKiModel.Load(folder.FullName);
        System.Text.Json.JsonElement expected = golden.Root.GetProperty("text_nll");
        int[] tokens = model.Tokenizer!.Encode(File.ReadAllText(SharedMaterial.Path("data/tinyshakespeare.txt")));
        Assert.Equal(expected.GetProperty("tokens_total").GetInt32(), tokens.Length);

        float[] firstWindow = Golden.Floats(expected.GetProperty("first_window"));
        double sum = 0;
        int scored = 0;
        for (int at = tokens.Length - 40 * 256; at < tokens.Length; at += 256)
        {
            double[] nll = GoldenAssert.Nll(GoldenAssert.AllLogits(model, tokens.AsSpan(at, 256)), tokens.AsSpan(at, 256));
            if (scored == 0 && weights == GgmlType.F16)
                Assert.All(nll.Zip(firstWindow), pair => Assert.True(Math.Abs(pair.First - pair.Second) < 4e-3, $"{pair.First} is not {pair.Second}"));
            sum += nll.Sum();
            scored += nll.Length;
        }
        Assert.InRange(sum / scored - expected.GetProperty("mean").GetDouble(), weights == GgmlType.F16 ? -0.001 : -0.01, weights == GgmlType.F16 ? 0.001
            : 0.01);
    }

    /// <summary>The rows alone: the same f16 weights on 10,240 tokens of the text the model was validated on.</summary>
    [SharedTheory(Checkpoint)]
    [InlineData(RowType.Int8, 0.002)]
    [InlineData(RowType.Int4, 0.01)]
    [Trait("Length", "Long")]
    public void Smaller_rows_move_the_mean_nll_of_f16_rows_by_less_than_the_limit(RowType rows, double limit)
    {
        using TemporaryFolder folder = new();
        EvaluationText text = EvaluationText.Read(SharedMaterial.Path("data/tinyshakespeare.txt"));
        text = new(text.Content[^30_000..]);
        double f16 = Nll(RowType.F16), smaller = Nll(rows);
        Assert.NotEqual(f16, smaller);
        Assert.InRange(smaller - f16, -limit, limit);

        double Nll(RowType type)
        {
            Converter.Convert(SharedMaterial.Path(Checkpoint), folder[$"{type}"], new() { WeightType = WeightRecipe.Of(GgmlType.F16), RowType = type });
            using MeKiModel model = MeKiModel.Load(folder[$"{type}"]);
            return Perplexity.Measure(model, text, window: 256).NegativeLogLikelihood.Mean;
        }
    }

    // A text without a near-tie: whatever the weights, the keys and the instruction set round, the likeliest token stays the likeliest.
    [Theory]
    [InlineData(GgmlType.F32, KvFormat.F32)]
    [InlineData(GgmlType.F32, KvFormat.F16)]
    [InlineData(GgmlType.Q8_0, KvFormat.F32)]
    [InlineData(GgmlType.Q8_0, KvFormat.F16)]
    public async Task The_demo_model_that_ships_continues_a_text(GgmlType weights, KvFormat cache)
    {
        using TemporaryFolder folder = new();
        string path = Demo;
        if (weights != GgmlType.Q8_0)
            Quantizer.Quantize(Demo, path = folder["decoded"], WeightRecipe.Of(weights), requantize: true);
        using MeKiModel model = MeKiModel.Load(path, new() { KeyFormat = cache, ValueFormat = cache });
        string text = "";
        TextGeneration generation = model.GenerateAsync("KING RICHARD III:\nNow", new() { Temperature = 0, MaxTokens = 8 });
        await foreach (string piece in generation)
            text += piece;
        Assert.Equal(", by the world, the king's", text);
        Assert.Equal(8, generation.Statistics!.GeneratedTokens);
        Assert.Equal(FinishReason.Length, generation.Statistics.Reason);
        Assert.True(model.StoreCounters.RowsRead > 0);
    }

    [Fact]
    public void Activations_in_8_bits_move_the_demo_models_logits_by_less_than_a_hundredth()
    {
        using TemporaryFolder folder = new();
        Quantizer.Quantize(Demo, folder["decoded"], WeightRecipe.Of(GgmlType.F32), requantize: true);
        using MeKiModel shipped = MeKiModel.Load(Demo), decoded = MeKiModel.Load(folder["decoded"]);
        int[] tokens = shipped.Tokenizer!.Encode("ROMEO:\nWhat light through yonder window breaks? It is the east, and Juliet is the sun.");
        float[] logits = GoldenAssert.AllLogits(shipped, tokens), reference = GoldenAssert.AllLogits(decoded, tokens);
        double difference = Math.Sqrt(logits.Zip(reference, (a, b) => ((double)a - b) * ((double)a - b)).Sum()),
            norm = Math.Sqrt(reference.Sum(logit => (double)logit * logit));
        // Not zero either: the two must have taken different kernels.
        Assert.InRange(difference / norm, 1e-4, 1e-2);
    }
}
