using MeKi.Model.Evaluation;
using MeKi.Model.Generation;
using MeKi.Tests;

namespace MeKi.Model.Tests.Evaluation;

public class ModelComparisonTests
{
    private static readonly string Folder = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");
    private static readonly EvaluationText Text = new(string.Concat(Enumerable.Repeat("The king is dead, long live the king, said the fool to the crow. ", 6)));

    [Fact]
    public void Divergence_and_log_probabilities_are_those_of_the_formula()
    {
        // p = (1/2, 1/4, 1/4), q = (1/4, 1/4, 1/2): KL(p‖q) = 1/2 ln 2 − 1/4 ln 2.
        TokenDistribution p = new(3), q = new(3);
        p.Set([MathF.Log(2), 0, 0]);
        q.Set([-1, -1, -1 + MathF.Log(2)]);
        Assert.Equal(Math.Log(0.5), p.LogProbability(0), 1e-7);
        Assert.Equal(Math.Log(0.25), q.LogProbability(1), 1e-7);
        Assert.Equal(0.25 * Math.Log(2), p.KlDivergence(q), 1e-7);
        Assert.Equal(0, p.KlDivergence(p));
        Assert.Equal((0, 2), (p.Likeliest, q.Likeliest));
        double l = Math.Log(2);
        Assert.Equal(((l + 1) * (l + 1) + 1 + (1 - l) * (1 - l)) / 3, p.MeanSquaredLogitDifference(q), 1e-6);
    }

    [Fact]
    public void Logits_far_apart_neither_overflow_nor_vanish_into_nan()
    {
        TokenDistribution p = new(2), q = new(2);
        p.Set([30_000, -30_000]);
        q.Set([-30_000, 30_000]);
        Assert.Equal((0, -60_000), (p.LogProbability(0), p.LogProbability(1)));
        Assert.Equal(60_000, p.KlDivergence(q));
        Assert.Throws<InvalidLogitsException>(() => p.Set([0, float.NaN]));
    }

    [Theory]
    [InlineData(0.99, 9.9)]
    [InlineData(0.5, 5)]
    [InlineData(1, 10)]
    public void Percentiles_are_interpolated(double fraction, double expected) =>
        Assert.Equal(expected, ModelComparison.Percentile([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], fraction), 1e-12);

    [Fact]
    public void Mean_and_standard_error_are_those_of_the_sample()
    {
        Estimate estimate = Estimate.Of([1, 0, 1, 1]);
        Assert.Equal(0.75, estimate.Mean);
        Assert.Equal(Math.Sqrt(0.75 * 0.25 / 3), estimate.StandardError, 1e-15);
        Assert.Equal(new(5, double.NaN), Estimate.Of([5]));
    }

    [Fact]
    public void A_model_agrees_with_itself()
    {
        using MeKiModel model = MeKiModel.Load(Folder);
        ComparisonResult result = ModelComparison.Compare(model, model, Text, window: 48);
        Assert.Equal((0, 0, 0, 0), (result.KlDivergence.Mean, result.KlPercentile99, result.KlMaximum, result.LogitRms));
        Assert.Equal(1, result.TopAgreement.Mean);
        Assert.Equal(Perplexity.Measure(model, Text, 48), result.Reference);
        Assert.Equal(result.Reference, result.Candidate);
    }

    [SharedFact("gguf/tiny-q8_0.gguf")]
    public void Quantising_to_q8_0_changes_little_but_something()
    {
        using MeKiModel whole = MeKiModel.Load(SharedMaterial.Path("gguf/tiny-f16.gguf")),
            quantised = MeKiModel.Load(SharedMaterial.Path("gguf/tiny-q8_0.gguf"));
        ComparisonResult result = ModelComparison.Compare(whole, quantised, Text, window: 48);
        Assert.InRange(result.KlDivergence.Mean, 1e-7, 1e-2);
        Assert.InRange(result.KlPercentile99, result.KlDivergence.Mean, result.KlMaximum);
        Assert.InRange(result.TopAgreement.Mean, 0.9, 1);
        Assert.InRange(result.LogitRms, 1e-4, 0.5);
        Assert.Equal(1, result.Candidate.Perplexity / result.Reference.Perplexity, 0.05);
    }

    [SharedFact("gguf/tiny-f16.gguf")]
    public void Two_models_of_one_shape_may_be_compared_only_with_one_vocabulary()
    {
        using MeKiModel model = MeKiModel.Load(Folder), other = MeKiModel.Load(SharedMaterial.Path("reference/random-paper"));
        EvaluationException failure = Assert.Throws<EvaluationException>(() => ModelComparison.Compare(model, other, Text, 48));
        Assert.StartsWith($"the models' vocabularies differ: {model.Config.VocabularySize} tokens against {other.Config.VocabularySize}.", failure.Message);
    }
}
