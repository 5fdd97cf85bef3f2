using MeKi.Kernels;
using MeKi.Model.Sampling;
using static MeKi.Model.Tests.Sampling.Draws;

namespace MeKi.Model.Tests.Sampling;

/// <summary>Logits whose soft cap is left to the sampler, where their order is enough: the choice is that of capped ones.</summary>
public sealed class SoftCapTests
{
    private const float Cap = 30;

    [Theory]
    [InlineData(0f, 0)]
    [InlineData(0f, 5)]
    [InlineData(0.8f, 1)]
    [InlineData(0.8f, 7)]
    [InlineData(1.5f, 64)]
    [InlineData(1f, 1000)]
    public void The_likeliest_capped_on_their_own_give_the_choice_of_all_capped(float temperature, int topK)
    {
        SamplingOptions options = Plain with { Temperature = temperature, TopK = topK, TopP = 0.95f, Seed = 3 };
        TokenSampler all = new(options), few = new(options, cap: Cap);
        Assert.True(few.TakesUncapped);
        // Large ones become equal.
        foreach (double spread in new[] { 0.5, 5, 40, 400 })
        {
            for (int seed = 0; seed < 20; seed++)
            {
                float[] logits = Draws.Random(seed, 500, spread), capped = [.. logits];
                for (int at = 0; at < capped.Length; at += 250)
                    SoftCap.Apply(capped.AsSpan(at, 250), Cap);
                ulong[] allowed = [.. Enumerable.Range(0, 8).Select(_ => seed % 2 == 0 ? ulong.MaxValue : 0x5555_0F0F_3333_00FFul)];
                Assert.Equal(all.Sample(capped, [], allowed), few.Sample(logits, [], allowed, isCapped: false));
            }
        }
    }

    [Fact]
    public void Of_logits_that_the_cap_makes_equal_the_first_is_the_likeliest()
    {
        float[] logits = [1, 900, 950, 2, 1000];
        Assert.Equal(1, new TokenSampler(new() { Temperature = 0 }, cap: Cap).Sample(logits, [], isCapped: false));
        float next = MathF.BitIncrement(29.5f);
        Assert.Equal(SoftCap.LeastOfEqual(next, Cap), SoftCap.LeastOfEqual(SoftCap.LeastOfEqual(next, Cap), Cap));
        Assert.InRange(SoftCap.LeastOfEqual(next, Cap), 29.4f, next);
        Assert.InRange(SoftCap.LeastOfEqual(-29.5f, Cap), -29.6f, -29.5f);
    }

    [Fact]
    public void Many_at_once_are_capped_as_one_by_one_and_tokens_that_are_ruled_out_stay_so()
    {
        float[] logits = Draws.Random(1, SoftCap.Chunk, 30);
        float[] some = [float.NegativeInfinity, 0, -0f, float.PositiveInfinity, float.NaN, 1e-40f, -1e30f, float.NegativeInfinity];
        some.CopyTo(logits, 100);
        logits[^1] = float.NegativeInfinity;
        float[] expected =
            [.. logits.Select(x => float.IsNaN(x) || x == float.NegativeInfinity ? x : (float)(Cap * (1 - 2 / (Exp(2 * ((double)x / Cap)) + 1))))];
        SoftCap.Apply(logits, Cap);
        Assert.Equal(expected, logits);

        static double Exp(double x)
        {
            Span<double> one = [x];
            FixedMath.Exp(one);
            return one[0];
        }
    }

    [Fact]
    public void What_needs_more_than_the_order_takes_capped_logits()
    {
        SamplingOptions top = Plain with { TopK = 40 };
        Assert.True(new TokenSampler(top).TakesUncapped);
        Assert.True(new TokenSampler(top with { LogitBias = new Dictionary<int, float> { [3] = float.NegativeInfinity } }).TakesUncapped);
        Assert.True(new TokenSampler(top with { Samplers = ["top_p", "top_k", "temperature"] }).TakesUncapped);
        Assert.True(new TokenSampler(top with { Temperature = 0, Samplers = ["top_p"], TopP = 0.5f }).TakesUncapped);
        SamplingOptions[] more =
        [
            Plain, top with { RepetitionPenalty = 1.1f }, top with { FrequencyPenalty = 0.1f }, top with { DryMultiplier = 0.8f },
            top with { TopNSigma = 1 }, top with { Mirostat = true }, top with { Samplers = ["top_p", "top_k"], TopP = 0.9f },
            top with { Samplers = ["temperature", "top_k"], Temperature = 0.5f }, top with { LogitBias = new Dictionary<int, float> { [3] = 1 } },
        ];
        Assert.All(more, options => Assert.False(new TokenSampler(options).TakesUncapped));
    }
}
