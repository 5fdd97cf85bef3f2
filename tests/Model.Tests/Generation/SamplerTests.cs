using MeKi.Model.Generation;

namespace MeKi.Model.Tests.Generation;

/// <summary>Draws against distributions computed by hand. Logits are logarithms of the probabilities 0.5, 0.3, 0.15 and 0.05, in another order.</summary>
public sealed class SamplerTests
{
    private const int Draws = 40_000;

    private static readonly GenerationOptions Plain = new() { Temperature = 1, TopK = 0, TopP = 1, MinP = 0, Seed = 11 };
    private static readonly float[] Logits = [MathF.Log(0.15f), MathF.Log(0.5f), MathF.Log(0.05f), MathF.Log(0.3f)];

    [Fact]
    public void Without_filters_the_softmax() => Expect(Plain, [0.15, 0.5, 0.05, 0.3]);

    [Fact]
    public void Top_k_keeps_the_likeliest() => Expect(Plain with { TopK = 2 }, [0, 0.5 / 0.8, 0, 0.3 / 0.8]);

    [Fact]
    public void Top_k_beyond_the_vocabulary_keeps_all() => Expect(Plain with { TopK = 9 }, [0.15, 0.5, 0.05, 0.3]);

    [Theory]
    [InlineData(0.4f, new[] { 0, 1.0, 0, 0 })]
    [InlineData(0.75f, new[] { 0, 0.5 / 0.8, 0, 0.3 / 0.8 })]
    [InlineData(0.9f, new[] { 0.15 / 0.95, 0.5 / 0.95, 0, 0.3 / 0.95 })]
    [InlineData(0.97f, new[] { 0.15, 0.5, 0.05, 0.3 })]
    public void Top_p_keeps_the_fewest_that_sum_to_it(float topP, double[] expected) => Expect(Plain with { TopP = topP }, expected);

    // Nuclei of some ten, some hundred and most of 5,000 tokens.
    [Theory]
    [InlineData(5f, 0.9f)]
    [InlineData(2f, 0.9f)]
    [InlineData(0.5f, 0.9f)]
    [InlineData(0.5f, 0.9999f)]
    public void Top_p_of_a_large_vocabulary_is_what_a_sort_gives(float spread, float topP)
    {
        Random random = new(17);
        float[] logits = [.. Enumerable.Range(0, 5_000).Select(_ => (random.NextSingle() + random.NextSingle() + random.NextSingle()) * 3 * spread)];
        int[] sorted = [.. Enumerable.Range(0, logits.Length).OrderByDescending(token => logits[token])];
        double total = logits.Sum(logit => Math.Exp(logit)), cumulative = 0;
        HashSet<int> nucleus = [.. sorted.TakeWhile(token => cumulative < topP * total && (cumulative += Math.Exp(logits[token])) > 0)];
        Sampler sampler = new(Plain with { TopP = topP });
        HashSet<int> drawn = [];
        for (int i = 0; i < 20 * nucleus.Count; i++)
            drawn.Add(sampler.Sample([.. logits]));
        Assert.Subset(nucleus, drawn);
        // Twenty draws for each: hardly one of the likelier half is missed.
        Assert.Subset(drawn, sorted.Take(nucleus.Count / 2).ToHashSet());
    }

    [Fact]
    public void Top_p_counts_within_the_top_k() => Expect(Plain with { TopK = 2, TopP = 0.6f }, [0, 1, 0, 0]);

    [Theory]
    [InlineData(0.2f, new[] { 0.15 / 0.95, 0.5 / 0.95, 0, 0.3 / 0.95 })]
    [InlineData(0.5f, new[] { 0, 0.5 / 0.8, 0, 0.3 / 0.8 })]
    [InlineData(1f, new[] { 0, 1.0, 0, 0 })]
    public void Min_p_keeps_those_so_many_times_as_likely_as_the_likeliest(float minP, double[] expected) => Expect(Plain with { MinP = minP }, expected);

    [Fact]
    public void Temperature_divides_the_logits()
    {
        double[] squared = [0.15 * 0.15, 0.25, 0.05 * 0.05, 0.09];
        Expect(Plain with { Temperature = 0.5f }, [.. squared.Select(each => each / squared.Sum())]);
    }

    [Fact]
    public void A_low_temperature_is_greedy_and_overflows_nothing() => Expect(Plain with { Temperature = 1e-30f }, [0, 1, 0, 0]);

    [Fact]
    public void Temperature_comes_after_the_filters()
    {
        // At temperature 10 all are nearly alike, yet top-p sees the distribution before: it keeps two.
        double[] flat = [0, Math.Pow(0.5, 0.1), 0, Math.Pow(0.3, 0.1)];
        Expect(Plain with { Temperature = 10, TopP = 0.75f }, [.. flat.Select(each => each / flat.Sum())]);
    }

    [Theory]
    [InlineData(0f, 40, 1f)]
    [InlineData(0.8f, 40, 1.1f)]
    [InlineData(0.8f, 0, 1.1f)]
    public void A_token_allocates_nothing(float temperature, int topK, float penalty)
    {
        Sampler sampler = new(new() { Temperature = temperature, TopK = topK, TopP = 0.95f, MinP = 0.01f, RepetitionPenalty = penalty, Seed = 3 });
        Random random = new(5);
        float[] logits = [.. Enumerable.Range(0, 500).Select(_ => random.NextSingle() * 4)];
        Draw(200); // fills the window of the penalty
        long before = GC.GetAllocatedBytesForCurrentThread();
        Draw(200);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Draw(int tokens)
        {
            for (int i = 0; i < tokens; i++)
                sampler.Accept(sampler.Sample(logits));
        }
    }

    [Fact]
    public void Temperature_0_takes_the_likeliest_and_of_equals_the_first()
    {
        Sampler sampler = new(Plain with { Temperature = 0 });
        Assert.Equal(1, sampler.Sample([.. Logits]));
        Assert.Equal(2, sampler.Sample([0, 1, 3, 3]));
    }

    [Fact]
    public void The_repetition_penalty_divides_positive_and_multiplies_negative_logits_once()
    {
        Sampler sampler = new(Plain with { RepetitionPenalty = 2 });
        sampler.Accept(0);
        sampler.Accept(3);
        sampler.Accept(0);
        float[] logits = [4, 1, 0, -3];
        sampler.Sample(logits);
        Assert.Equal([2, 1, 0, -6], logits);
    }

    [Fact]
    public void The_repetition_penalty_forgets_what_is_64_tokens_ago()
    {
        Sampler sampler = new(Plain with { RepetitionPenalty = 2 });
        for (int token = 0; token < 65; token++)
            sampler.Accept(token);
        float[] logits = [.. Enumerable.Repeat(1f, 70)];
        sampler.Sample(logits);
        Assert.Equal([1, .. Enumerable.Repeat(0.5f, 64), .. Enumerable.Repeat(1f, 5)], logits);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Logits_that_are_not_finite_are_an_error(float value)
    {
        foreach (float temperature in new[] { 0, 1 })
        {
            Sampler sampler = new(Plain with { Temperature = temperature });
            Assert.Throws<InvalidLogitsException>(() => sampler.Sample([1, value, 2]));
            Assert.Throws<InvalidLogitsException>(() => sampler.Sample([float.NegativeInfinity, float.NegativeInfinity]));
        }
    }

    [Fact]
    public void A_token_of_logit_minus_infinity_is_never_drawn() =>
        Expect(Plain, [0, 1, 0, 0], [float.NegativeInfinity, 0, float.NegativeInfinity, float.NegativeInfinity]);

    [Fact]
    public void A_seed_repeats_and_another_differs()
    {
        Assert.Equal(Sequence(1), Sequence(1));
        Assert.NotEqual(Sequence(1), Sequence(2));
        Assert.NotEqual(Sequence(null), Sequence(null));

        int[] Sequence(int? seed)
        {
            Sampler sampler = new(Plain with { Seed = seed });
            return [.. Enumerable.Range(0, 100).Select(_ => sampler.Sample([.. Logits]))];
        }
    }

    private static void Expect(GenerationOptions options, double[] expected, float[]? logits = null)
    {
        Sampler sampler = new(options);
        int[] counts = new int[expected.Length];
        for (int i = 0; i < Draws; i++)
            counts[sampler.Sample([.. logits ?? Logits])]++;
        for (int token = 0; token < expected.Length; token++)
        {
            // Five standard deviations of a binomial; the seed is fixed.
            double deviation = Math.Sqrt(expected[token] * (1 - expected[token]) / Draws);
            Assert.True(Math.Abs((double)counts[token] / Draws - expected[token]) <= 5 * deviation, $"token {token}: {counts[token]} of {Draws}, expected {expected[token]:f4}");
        }
    }
}
