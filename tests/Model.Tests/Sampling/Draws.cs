using MeKi.Model.Sampling;

namespace MeKi.Model.Tests.Sampling;

/// <summary>Many draws against a distribution.</summary>
internal static class Draws
{
    /// <summary>Nothing but what a test turns on.</summary>
    public static SamplingOptions Plain { get; } = new() { Temperature = 1, TopK = 0, TopP = 1, MinP = 0, Seed = 11 };

    /// <summary>Draws from logits and holds the counts against the probabilities by Pearson's chi-square.</summary>
    /// <param name="options">How.</param>
    /// <param name="logits">[V].</param>
    /// <param name="expected">Probabilities, or masses in proportion to them; 0 for tokens that must not come.</param>
    /// <param name="history">Tokens before.</param>
    public static void Expect(SamplingOptions options, float[] logits, IReadOnlyList<double> expected, int[]? history = null)
    {
        const int Count = 8_000;
        TokenSampler sampler = new(options);
        int[] counts = new int[logits.Length];
        for (int i = 0; i < Count; i++)
            counts[sampler.Sample([.. logits], history ?? [])]++;
        double total = expected.Sum(), square = 0;
        int cells = 0, rareCount = 0;
        double rare = 0;
        for (int token = 0; token < logits.Length; token++)
        {
            double due = Count * expected[token] / total;
            Assert.True(due > 0 || counts[token] == 0, $"token {token} must not come");
            // Cells of few draws are joined: the statistic is none there.
            if (due < 8)
            {
                (rare, rareCount) = (rare + due, rareCount + counts[token]);
                continue;
            }
            square += (counts[token] - due) * (counts[token] - due) / due;
            cells++;
        }
        if (rare >= 8)
            (square, cells) = (square + (rareCount - rare) * (rareCount - rare) / rare, cells + 1);
        else
            Assert.True(rareCount < 40);
        // Wilson and Hilferty: the cube root of a chi-square is all but normal. Four standard deviations; the seeds are fixed.
        int freedom = cells - 1;
        if (freedom < 1)
            return;
        double spread = 2.0 / (9 * freedom), deviations = (Math.Cbrt(square / freedom) - (1 - spread)) / Math.Sqrt(spread);
        Assert.True(deviations < 4, $"chi-square {square:f1} at {freedom} degrees of freedom");
    }

    /// <summary>The tokens that come, each of which is drawn often enough to be seen.</summary>
    public static int[] Support(SamplingOptions options, float[] logits, int draws = 1_000)
    {
        TokenSampler sampler = new(options);
        return [.. Enumerable.Range(0, draws).Select(_ => sampler.Sample([.. logits], [])).Distinct().Order()];
    }

    public static float[] Logarithms(params double[] probabilities) => [.. probabilities.Select(each => (float)Math.Log(each))];

    /// <summary>Logits as models have them: most lie together, a few above.</summary>
    public static float[] Random(int seed, int count, double spread)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(spread * Normal()))];

        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }

    public static double[] Softmax(IReadOnlyList<float> logits, double temperature = 1)
    {
        double max = logits.Max();
        double[] masses = [.. logits.Select(each => Math.Exp((each - max) / temperature))];
        double total = masses.Sum();
        return [.. masses.Select(each => each / total)];
    }
}
