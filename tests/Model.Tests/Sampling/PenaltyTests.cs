using MeKi.Model.Sampling;
using MeKi.Model.Tests.Tokenization;
using MeKi.Model.Tokenization;
using static MeKi.Model.Tests.Sampling.Draws;

namespace MeKi.Model.Tests.Sampling;

public sealed class PenaltyTests
{
    [Fact]
    public void The_repetition_penalty_divides_positive_and_multiplies_negative_logits_once() =>
        Assert.Equal([2, 1, 0, -6], Changed(Plain with { RepetitionPenalty = 2 }, [4, 1, 0, -3], [0, 3, 0]));

    [Fact]
    public void The_frequency_penalty_counts_and_the_presence_penalty_does_not() =>
        Assert.Equal([4 - 1 - 0.25f, 1, -0.75f, -3], Changed(Plain with { FrequencyPenalty = 0.5f, PresencePenalty = 0.25f }, [4, 1, 0, -3], [0, 2, 0]));

    [Fact]
    public void Repetition_comes_before_frequency_and_presence() => Assert.Equal(
        [0.5f, 5], Changed(Plain with { RepetitionPenalty = 2, FrequencyPenalty = 1, PresencePenalty = 0.5f }, [4, 5], [0]));

    [Theory]
    [InlineData(null, 64)]
    [InlineData(3, 3)]
    [InlineData(0, 0)]
    [InlineData(-1, 65)]
    public void Penalties_look_at_the_last_tokens_only(int? window, int penalized)
    {
        float[] changed = Changed(
            Plain with { RepetitionPenalty = 2, PenaltyWindow = window }, [.. Enumerable.Repeat(1f, 70)], [.. Enumerable.Range(0, 65)]);
        Assert.Equal(
            [.. Enumerable.Repeat(1f, 65 - penalized), .. Enumerable.Repeat(0.5f, penalized), .. Enumerable.Repeat(1f, 5)], changed);
    }

    [Fact]
    public void Penalties_keep_logits_finite_and_forbidden_tokens_forbidden()
    {
        float[] changed = Changed(Plain with { RepetitionPenalty = 1000 }, [-3e38f, 1, float.NegativeInfinity], [0, 2, 7, -1]);
        Assert.Equal([float.MinValue, 1, float.NegativeInfinity], changed);
    }

    [Fact]
    public void The_next_token_is_not_penalized_for_the_last_ones_history()
    {
        TokenSampler sampler = new(Plain with { RepetitionPenalty = 2, DryMultiplier = 1, DryAllowedLength = 0 });
        sampler.Sample([1, 1, 1], [0, 1, 0]);
        float[] logits = [1, 1, 1];
        sampler.Sample(logits, []);
        Assert.Equal([1, 1, 1], logits);
    }

    // 1 2 3 9 1 2 3: 9 would make a sequence of three one of four.
    [Theory]
    [InlineData(2, 1.75f, 1.75f)]
    [InlineData(3, 1.75f, 1f)]
    [InlineData(1, 2f, 4f)]
    [InlineData(4, 2f, 0f)]
    public void Dry_penalizes_what_makes_a_repeated_sequence_longer(int allowed, float growth, float penalty)
    {
        float[] changed = Changed(
            Plain with { DryMultiplier = 0.8f, DryBase = growth, DryAllowedLength = allowed }, new float[10], [1, 2, 3, 9, 1, 2, 3]);
        for (int token = 0; token < changed.Length; token++)
            Assert.Equal(token == 9 ? -0.8f * penalty : 0, changed[token], 1e-5f);
    }

    [Fact]
    public void Dry_finds_the_longest_sequence_of_any_history()
    {
        Random random = new(12);
        for (int round = 0; round < 300; round++)
        {
            int[] history = [.. Enumerable.Range(0, random.Next(0, 60)).Select(_ => random.Next(0, 3))];
            SamplingOptions options = Plain with { DryMultiplier = 1, DryBase = 1.1f, DryAllowedLength = 1 };
            float[] changed = Changed(options, new float[4], history);
            for (int token = 0; token < 4; token++)
            {
                int length = Definitions.Repeated(token, history);
                double due = length < 1 || history.Length <= 1 ? 0 : -Math.Pow(1.1f, length - 1);
                Assert.Equal(due, changed[token], 1e-4 * Math.Abs(due));
            }
        }
    }

    [Fact]
    public void Dry_does_not_reach_over_a_breaker_nor_penalize_one()
    {
        SamplingOptions options = Plain with { DryMultiplier = 1, DryBase = 2, DryAllowedLength = 1 };
        DryBreakers breakers = new([[5], [6, 7]]);
        // Behind the breaker 5 only "1 2" is repeated.
        Assert.Equal(-2, Changed(options, new float[10], [4, 5, 1, 2, 9, 4, 5, 1, 2], breakers)[9]);
        Assert.Equal(-8, Changed(options, new float[10], [4, 3, 1, 2, 9, 4, 3, 1, 2], breakers)[9]);
        // 5 itself would be next.
        Assert.Equal(0, Changed(options, new float[10], [1, 2, 5, 1, 2], breakers)[5]);
        // Two tokens make a breaker; the first of them alone does not.
        Assert.Equal(-2, Changed(options, new float[10], [6, 7, 1, 2, 9, 6, 7, 1, 2], breakers)[9]);
        Assert.Equal(-8, Changed(options, new float[10], [6, 8, 1, 2, 9, 6, 8, 1, 2], breakers)[9]);
        // Nothing follows the breaker yet.
        Assert.Equal(new float[10], Changed(options, new float[10], [1, 2, 5, 1, 2, 5], breakers));
    }

    [Fact]
    public void Breakers_are_all_tokens_that_contain_one_and_those_that_begin_one()
    {
        BytePairTokenizer tokenizer = new(TinyTokenizer.Data);
        int[] ids(string text) => tokenizer.Encode(text, addSpecial: false);
        DryBreakers breakers = new(tokenizer, ["ll", "o w"]);
        int l = Assert.Single(ids("l"));
        Assert.All(new[] { "ll", "hell", "hello" }, text => Assert.True(breakers.IsBreaker(Assert.Single(ids(text)))));
        Assert.All(new[] { "l", "o", "he", "w" }, text => Assert.False(breakers.IsBreaker(Assert.Single(ids(text)))));
        // "l" "l" and "o" " w" as tokens of their own.
        Assert.Equal(1, breakers.TokensSince([l, l, Assert.Single(ids("a"))]));
        Assert.Equal(2, breakers.TokensSince([Assert.Single(ids("o")), Assert.Single(ids(" w")), Assert.Single(ids("a")), l]));
        Assert.Equal(2, breakers.TokensSince([l, Assert.Single(ids("a"))]));
        Assert.True(new DryBreakers(tokenizer).IsBreaker(Assert.Single(ids("\n"))));
    }

    [Fact]
    public void Dry_looks_at_the_last_tokens_only() => Assert.Equal(
        new float[10], Changed(Plain with { DryMultiplier = 1, DryWindow = 3, DryAllowedLength = 1 }, new float[10], [1, 2, 3, 9, 1, 2, 3]));

    [Fact]
    public void A_very_long_repetition_stays_finite()
    {
        float[] changed = Changed(Plain with { DryMultiplier = 1000, DryBase = 10 }, [0, 0], [.. Enumerable.Repeat(0, 5_000)]);
        Assert.Equal([float.MinValue, 0], changed);
    }

    private static float[] Changed(SamplingOptions options, float[] logits, int[] history, DryBreakers? breakers = null)
    {
        new TokenSampler(options, breakers).Sample(logits, history);
        return logits;
    }
}
