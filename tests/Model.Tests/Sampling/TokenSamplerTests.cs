using MeKi.Model.Sampling;
using static MeKi.Model.Tests.Sampling.Draws;

namespace MeKi.Model.Tests.Sampling;

/// <summary>Draws against distributions computed from the samplers' definitions. The small vectors are logarithms of probabilities.</summary>
public sealed class TokenSamplerTests
{
    private static readonly float[] Four = Logarithms(0.15, 0.5, 0.05, 0.3);

    [Fact]
    public void Without_samplers_the_softmax() => Expect(Plain, Four, [0.15, 0.5, 0.05, 0.3]);

    [Trait("Length", "Long")]
    [Fact]
    public void The_softmax_of_a_larger_vocabulary()
    {
        float[] logits = Draws.Random(3, 300, 2);
        Expect(Plain, logits, Softmax(logits));
        Expect(Plain with { Temperature = 0.6f }, logits, Softmax(logits, 0.6f));
        Expect(Plain with { Temperature = 1.7f }, logits, Softmax(logits, 1.7f));
    }

    [Trait("Length", "Long")]
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(40)]
    [InlineData(199)]
    [InlineData(200)]
    [InlineData(9999)]
    public void Top_k_keeps_the_k_likeliest(int k)
    {
        float[] logits = Draws.Random(4, 200, 2);
        HashSet<int> top = [.. Sorted(logits).Take(k)];
        Expect(Plain with { TopK = k }, logits, Among(logits, top));
    }

    [Fact]
    public void Top_k_of_equals_keeps_the_first()
    {
        Assert.Equal([0, 1, 2], Support(Plain with { TopK = 3 }, [1, 1, 1, 1, 1, 1]));
        Assert.Equal([1, 3, 5], Support(Plain with { TopK = 3 }, [1, 2, 1, 2, 1, 2, 2]));
        Assert.Equal([0, 1], Support(Plain with { TopK = 2 }, [0f, -0f, 0f]));
        float[] many = [.. Enumerable.Repeat(1f, 3000)];
        Assert.Equal([0, 1, 2, 3], Support(Plain with { TopK = 4 }, many));
    }

    [Theory]
    [InlineData(0.4f, new[] { 0, 1.0, 0, 0 })]
    [InlineData(0.75f, new[] { 0, 0.5, 0, 0.3 })]
    [InlineData(0.9f, new[] { 0.15, 0.5, 0, 0.3 })]
    [InlineData(0.97f, new[] { 0.15, 0.5, 0.05, 0.3 })]
    public void Top_p_keeps_the_fewest_that_sum_to_it(float topP, double[] expected)
    {
        Expect(Plain with { TopP = topP }, Four, expected);
        Expect(Plain with { TopP = topP, TopK = 3 }, Four, [.. expected.Select((each, i) => i == 2 ? 0 : each)]);
    }

    // Nuclei of some ten, some hundred and most of 400 tokens; far from the likeliest as well.
    [Trait("Length", "Long")]
    [Theory]
    [InlineData(5, 0.9f)]
    [InlineData(2, 0.9f)]
    [InlineData(0.5, 0.9f)]
    [InlineData(0.5, 0.9999f)]
    [InlineData(0, 0.5f)]
    [InlineData(9, 0.999999f)]
    public void Top_p_of_a_large_vocabulary_is_what_a_sort_gives(double spread, float topP)
    {
        float[] logits = Draws.Random(17, 400, spread);
        HashSet<int> nucleus = Nucleus(logits, Sorted(logits), topP);
        Expect(Plain with { TopP = topP }, logits, Among(logits, nucleus));
    }

    [Fact]
    public void A_peak_far_above_all_others_is_a_nucleus_and_so_is_one_far_below_the_sum()
    {
        float[] logits = [.. Enumerable.Repeat(-16f, 30_000)];
        logits[77] = 0;
        // 30,000 · e^−16 is 0.3 %.
        Assert.Equal([77], Support(Plain with { TopP = 0.99f }, logits, 5));
        Assert.Equal(77, new TokenSampler(Plain with { TopP = 0.998f, MinP = 0.5f }).Sample(logits, []));
    }

    [Theory]
    [InlineData(0.2f, new[] { 0.15, 0.5, 0, 0.3 })]
    [InlineData(0.5f, new[] { 0, 0.5, 0, 0.3 })]
    [InlineData(1f, new[] { 0, 1.0, 0, 0 })]
    [InlineData(1e-30f, new[] { 0.15, 0.5, 0.05, 0.3 })]
    public void Min_p_keeps_those_so_many_times_as_likely_as_the_likeliest(float minP, double[] expected) => Expect(Plain with { MinP = minP }, Four, expected);

    [Fact]
    public void Min_p_of_a_large_vocabulary()
    {
        float[] logits = Draws.Random(5, 400, 2);
        double border = logits.Max() + Math.Log(0.02f);
        Expect(Plain with { MinP = 0.02f }, logits, Among(logits, [.. Enumerable.Range(0, 400).Where(token => logits[token] >= border)]));
    }

    // The surprises are 1.897, 0.693, 2.996 and 1.204, their mean 1.142.
    [Theory]
    [InlineData(0.2f, new[] { 0, 0, 0, 1.0 })]
    [InlineData(0.5f, new[] { 0, 0.5, 0, 0.3 })]
    [InlineData(0.85f, new[] { 0.15, 0.5, 0, 0.3 })]
    [InlineData(0.99f, new[] { 0.15, 0.5, 0.05, 0.3 })]
    public void Typical_keeps_those_whose_surprise_is_nearest_to_the_mean(float typicalP, double[] expected) =>
        Expect(Plain with { TypicalP = typicalP }, Four, expected);

    [Trait("Length", "Long")]
    [Theory]
    [InlineData(1, 0.3f)]
    [InlineData(3, 0.9f)]
    [InlineData(0.3, 0.7f)]
    public void Typical_of_a_large_vocabulary_is_what_a_sort_gives(double spread, float typicalP)
    {
        float[] logits = Draws.Random(18, 400, spread);
        double[] p = Softmax(logits);
        double entropy = -p.Sum(each => each * Math.Log(each)), sum = 0;
        HashSet<int> kept = [];
        foreach (int token in Enumerable.Range(0, p.Length).OrderBy(token => Math.Abs(-Math.Log(p[token]) - entropy)))
        {
            kept.Add(token);
            if ((sum += p[token]) > typicalP)
                break;
        }
        Expect(Plain with { TypicalP = typicalP }, logits, Among(logits, kept));
    }

    [Theory]
    [InlineData(1f, 0.1f, new[] { 0.15, 0, 0.05, 0 })]
    [InlineData(1f, 0.2f, new[] { 0.15, 0, 0.05, 0.3 })]
    [InlineData(1f, 0.4f, new[] { 0.15, 0.5, 0.05, 0.3 })]
    [InlineData(1f, 0.51f, new[] { 0.15, 0.5, 0.05, 0.3 })]
    [InlineData(0f, 0.1f, new[] { 0.15, 0.5, 0.05, 0.3 })]
    public void Xtc_leaves_out_the_top_choices_but_the_last(float probability, float threshold, double[] expected) =>
        Expect(Plain with { XtcProbability = probability, XtcThreshold = threshold }, Four, expected);

    [Fact]
    public void Xtc_applies_as_often_as_it_was_told()
    {
        double[] excluded = [0.15 / 0.2, 0, 0.05 / 0.2, 0], all = [0.15, 0.5, 0.05, 0.3];
        Expect(Plain with { XtcProbability = 0.25f, XtcThreshold = 0.1f }, Four, [.. all.Select((each, i) => 0.75 * each + 0.25 * excluded[i])]);
    }

    [Trait("Length", "Long")]
    [Theory]
    [InlineData(0.5f)]
    [InlineData(1f)]
    [InlineData(3f)]
    public void Top_n_sigma_keeps_those_within_so_many_deviations_of_the_largest(float n)
    {
        float[] logits = Draws.Random(6, 300, 1.5);
        double mean = logits.Average(each => (double)each), deviation = Math.Sqrt(logits.Average(each => (each - mean) * (each - mean)));
        double border = logits.Max() - n * deviation;
        HashSet<int> kept = [.. Enumerable.Range(0, logits.Length).Where(token => logits[token] >= border)];
        Expect(Plain with { TopNSigma = n }, logits, Among(logits, kept));
        // What is forbidden has no part in the deviation.
        float[] more = [float.NegativeInfinity, .. logits, float.NegativeInfinity];
        Expect(Plain with { TopNSigma = n }, more, [0, .. Among(logits, kept), 0]);
    }

    [Fact]
    public void A_low_temperature_is_greedy_and_overflows_nothing() => Assert.Equal([1], Support(Plain with { Temperature = 1e-30f }, Four));

    [Fact]
    public void Dynamic_temperature_follows_the_entropy()
    {
        double[] p = [0.15, 0.5, 0.05, 0.3];
        double entropy = -p.Sum(each => each * Math.Log(each)) / Math.Log(4), temperature = 0.5 + 1.0 * Math.Pow(entropy, 1.5);
        Expect(
            Plain with { DynamicTemperatureRange = 0.5f, DynamicTemperatureExponent = 1.5f }, Four, [.. p.Select(each => Math.Pow(each, 1 / temperature))]);
        // A sure distribution gets the lowest temperature, a flat one the highest, as every token of it is alike.
        Assert.Equal([1], Support(Plain with { Temperature = 0.5f, DynamicTemperatureRange = 0.5f }, [-40, 40, -40]));
        Expect(Plain with { Temperature = 0.5f, DynamicTemperatureRange = 0.5f }, [1, 1, 1], [1, 1, 1]);
    }

    [Fact]
    public void By_default_temperature_comes_after_the_samplers_that_leave_tokens_out()
    {
        // At temperature 10 all are nearly alike, yet top-p sees the distribution before: it keeps two.
        Expect(Plain with { Temperature = 10, TopP = 0.75f }, Four, [0, Math.Pow(0.5, 0.1), 0, Math.Pow(0.3, 0.1)]);
    }

    [Fact]
    public void The_order_is_the_one_that_was_given()
    {
        double[] flat = [.. new[] { 0.15, 0.5, 0.05, 0.3 }.Select(each => Math.Pow(each, 0.1))];
        Expect(Plain with { Temperature = 10, TopP = 0.75f, Samplers = ["temperature", "top_p"] }, Four, [flat[0], flat[1], 0, flat[3]]);
        // Of the three that top-k leaves, 0.5 is more than half; of all four it is just half.
        Assert.Equal([1], Support(Plain with { TopK = 3, TopP = 0.52f, Samplers = ["top_k", "top_p"] }, Four));
        Assert.Equal([1, 3], Support(Plain with { TopK = 3, TopP = 0.52f, Samplers = ["top_p", "top_k"] }, Four));
        // What is not named does not apply.
        Expect(Plain with { TopK = 1, TopP = 0.1f, MinP = 1, Samplers = ["temp"] }, Four, [0.15, 0.5, 0.05, 0.3]);
    }

    [Trait("Length", "Long")]
    [Theory]
    [InlineData("top_k;top_p;min_p;typ_p;xtc;temperature")]
    [InlineData("temperature;xtc;typ_p;min_p;top_p;top_k")]
    [InlineData("min_p;typ_p;top_n_sigma;top_p;temperature;top_k;xtc")]
    [InlineData("typ_p;top_k;penalties;dry;top_p;xtc;min_p")]
    public void Any_order_of_all_samplers_gives_what_their_definitions_give(string order)
    {
        float[] logits = Draws.Random(8, 300, 2.5);
        int[] history = [1, 2, 3, 9, 1, 2];
        SamplingOptions options = Plain with
        {
            TopK = 60, TopP = 0.93f, MinP = 0.01f, TypicalP = 0.95f, XtcProbability = 1, XtcThreshold = 0.08f, TopNSigma = 3, Temperature = 1.3f,
            RepetitionPenalty = 1.2f, FrequencyPenalty = 0.1f, PresencePenalty = 0.2f, DryMultiplier = 0.5f, DryAllowedLength = 1, Samplers = order.Split(';'),
        };
        Expect(options, logits, Definitions.Apply(options, logits, history), history);
    }

    [Fact]
    public void Temperature_0_takes_the_likeliest_and_of_equals_the_first()
    {
        SamplingOptions greedy = Plain with { Temperature = 0, XtcProbability = 1, TypicalP = 0.2f };
        Assert.Equal(1, new TokenSampler(greedy).Sample([.. Four], []));
        Assert.Equal(2, new TokenSampler(greedy).Sample([0, 1, 3, 3], []));
        Assert.Equal(3, new TokenSampler(greedy with { RepetitionPenalty = 2 }).Sample([.. Four.Select(each => each + 4)], [1]));
        Assert.Equal(3, new TokenSampler(greedy with { Samplers = ["top_k"] }).Sample([1, 2, 3, 4], []));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Logits_that_are_not_finite_are_an_error(float value)
    {
        foreach (float temperature in new[] { 0, 1 })
        {
            TokenSampler sampler = new(Plain with { Temperature = temperature });
            Assert.Throws<InvalidLogitsException>(() => sampler.Sample([1, value, 2], []));
            Assert.Throws<InvalidLogitsException>(() => sampler.Sample([float.NegativeInfinity, float.NegativeInfinity], []));
        }
    }

    [Theory]
    [InlineData(0, 1f)]
    [InlineData(40, 1f)]
    [InlineData(40, 0.9f)]
    [InlineData(0, 0.9f)]
    public void A_token_of_logit_minus_infinity_is_never_drawn(int topK, float topP) => Assert.Equal(
        [1], Support(Plain with { TopK = topK, TopP = topP, TopNSigma = 1, TypicalP = 0.9f }, [float.NegativeInfinity, 0, float.NegativeInfinity]));

    [Fact]
    public void A_mask_forbids_tokens()
    {
        TokenSampler sampler = new(Plain);
        float[] logits = [.. Enumerable.Repeat(0f, 200)];
        ulong[] allowed = [0b1010, 0, ulong.MaxValue];
        HashSet<int> drawn = [.. Enumerable.Range(0, 4_000).Select(_ => sampler.Sample([.. logits], [], allowed))];
        Assert.Equal([1, 3, .. Enumerable.Range(128, 64)], drawn.Order());
        Assert.Throws<InvalidOperationException>(() => sampler.Sample([.. logits], [], [0, 0, 0, 0]));
    }

    [Fact]
    public void A_bias_is_added_and_minus_infinity_forbids()
    {
        Dictionary<int, float> biases = new() { [1] = float.NegativeInfinity, [2] = (float)Math.Log(4), [0] = -1e38f };
        SamplingOptions options = Plain with { LogitBias = biases };
        Expect(options, Four, [0, 0, 0.2, 0.3]);
        Assert.Throws<InvalidOperationException>(() => new TokenSampler(options).Sample([1, 2], []));
        Assert.Throws<InvalidOperationException>(
            () => new TokenSampler(Plain with { LogitBias = new Dictionary<int, float> { [0] = float.NegativeInfinity } }).Sample([1], []));
    }

    [Fact]
    public void Mirostat_draws_from_those_below_the_surprise_and_learns_from_it()
    {
        // Bits of surprise: 2.74, 1, 4.32, 1.74. It begins with 2 · tau.
        Expect(Plain with { Mirostat = true, MirostatTau = 0.9f, MirostatEta = 0 }, Four, [0, 0.5, 0, 0.3]);
        Expect(Plain with { Mirostat = true, MirostatTau = 1.5f, MirostatEta = 0 }, Four, [0.15, 0.5, 0, 0.3]);
        Assert.Equal([1], Support(Plain with { Mirostat = true, MirostatTau = 0, MirostatEta = 0 }, Four));
        // Top-k and the like have no part in it.
        Expect(Plain with { Mirostat = true, MirostatTau = 9, MirostatEta = 0, TopK = 1, MinP = 1 }, Four, [0.15, 0.5, 0.05, 0.3]);

        // The mean surprise comes near tau.
        float[] logits = Draws.Random(9, 2_000, 2);
        TokenSampler sampler = new(Plain with { Mirostat = true, MirostatTau = 4 });
        double[] p = Softmax(logits);
        double sum = 0;
        const int Count = 1_000;
        for (int i = 0; i < Count; i++)
            sum -= Math.Log2(p[sampler.Sample([.. logits], [])]);
        Assert.InRange(sum / Count, 3, 7);
    }

    [Fact]
    public void A_seed_repeats_and_another_differs()
    {
        Assert.Equal(Sequence(1), Sequence(1));
        Assert.NotEqual(Sequence(1), Sequence(2));
        Assert.NotEqual(Sequence(null), Sequence(null));

        int[] Sequence(int? seed)
        {
            TokenSampler sampler = new(Plain with { Seed = seed });
            return [.. Enumerable.Range(0, 100).Select(_ => sampler.Sample([.. Four], []))];
        }
    }

    public static TheoryData<SamplingOptions> Settings { get; } = new()
    {
        new SamplingOptions { Seed = 3 },
        new SamplingOptions { Seed = 3, TopK = 0 },
        new SamplingOptions { Seed = 3, TopK = 0, TopP = 1, TypicalP = 0.9f },
        new SamplingOptions { Temperature = 0, RepetitionPenalty = 1.1f },
        new SamplingOptions { Seed = 3, Mirostat = true },
        new SamplingOptions
        {
            Seed = 3, RepetitionPenalty = 1.1f, FrequencyPenalty = 0.1f, DryMultiplier = 0.8f, TopNSigma = 2, TypicalP = 0.95f, XtcProbability = 0.5f,
            DynamicTemperatureRange = 0.2f, PenaltyWindow = -1, LogitBias = new Dictionary<int, float> { [3] = 1 },
        },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void A_token_allocates_nothing(SamplingOptions options)
    {
        TokenSampler sampler = new(options);
        float[] original = Draws.Random(5, 3_000, 2), logits = new float[3_000];
        int[] history = new int[600];
        ulong[] mask = [.. Enumerable.Repeat(ulong.MaxValue, 47)];
        Run(0, 300);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(300, 500);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run(int from, int to)
        {
            for (int i = from; i < to; i++)
            {
                original.CopyTo(logits, 0);
                history[i] = sampler.Sample(logits, history.AsSpan(0, i), mask);
            }
        }
    }

    // Tokens that this engine has drawn for these settings since they exist.
    [Theory]
    [InlineData(40, 0.95f, 0.05f, 0.8f, 1f, new[] { 789, 716, 195, 588, 1615, 704, 1479, 386, 721, 1282, 1440, 1723 })]
    [InlineData(0, 0.95f, 0.05f, 0.8f, 1f, new[] { 789, 700, 335, 1095, 552, 1775, 304, 1771, 1045, 282, 1991, 498 })]
    [InlineData(0, 0.9f, 0f, 1f, 1.1f, new[] { 705, 693, 335, 1162, 619, 1791, 320, 1856, 1045, 247, 1991, 601 })]
    [InlineData(0, 1f, 0f, 0.7f, 1f, new[] { 789, 700, 335, 1095, 552, 1775, 176, 1743, 1045, 293, 1991, 498 })]
    [InlineData(300, 0.99f, 0.001f, 2f, 1.2f, new[] { 688, 358, 1578, 970, 54, 1041, 1540, 954, 1334, 1392, 345, 187 })]
    [InlineData(40, 0.95f, 0.05f, 0f, 1.3f, new[] { 1611, 714, 335, 751, 289, 995, 53, 456, 961, 1465, 856, 60 })]
    public void A_seed_gives_the_tokens_that_it_always_gave(int topK, float topP, float minP, float temperature, float penalty, int[] expected)
    {
        TokenSampler sampler = new(
            new() { TopK = topK, TopP = topP, MinP = minP, Temperature = temperature, RepetitionPenalty = penalty, Seed = 5 });
        Random random = new(1);
        List<int> drawn = [];
        foreach (int _ in expected)
        {
            float[] logits = [.. Enumerable.Range(0, 2_000).Select(_ => (random.NextSingle() + random.NextSingle() + random.NextSingle()) * 6)];
            drawn.Add(sampler.Sample(logits, drawn.ToArray()));
        }
        Assert.Equal(expected, drawn);
    }

    private static IEnumerable<int> Sorted(float[] logits) => Enumerable.Range(0, logits.Length).OrderByDescending(token => logits[token]);

    private static HashSet<int> Nucleus(float[] logits, IEnumerable<int> sorted, double topP)
    {
        double[] p = Softmax(logits);
        double sum = 0;
        return [.. sorted.TakeWhile(token => sum < topP && (sum += p[token]) > 0)];
    }

    private static double[] Among(float[] logits, HashSet<int> kept) => [.. Softmax(logits).Select((each, token) => kept.Contains(token) ? each : 0)];
}
