namespace MeKi.Tool.Benchmarking;

/// <summary>One row of <c>meki bench</c>: what is run.</summary>
/// <param name="PromptTokens">Tokens of a prefill; 0 in a decode case.</param>
/// <param name="GeneratedTokens">Tokens of a decode; 0 in a prefill case.</param>
/// <param name="Depth">Tokens in the KV cache before either.</param>
/// <param name="Threads">Threads that compute.</param>
internal sealed record BenchmarkCase(int PromptTokens, int GeneratedTokens, int Depth, int Threads)
{
    /// <summary>The name that llama-bench gives it: <c>pp512</c>, <c>tg128 @ d4096</c>.</summary>
    public string Name => (PromptTokens > 0 ? $"pp{PromptTokens}" : $"tg{GeneratedTokens}") + (Depth > 0 ? $" @ d{Depth}" : "");

    public int Tokens => PromptTokens + GeneratedTokens;

    /// <summary>Prefill and decode cases of every combination, as llama-bench takes them.</summary>
    public static List<BenchmarkCase> Combine(int[] prompts, int[] generated, int[] depths, int[] threads)
    {
        List<BenchmarkCase> cases = [];
        foreach (int t in threads)
        {
            foreach (int depth in depths)
            {
                cases.AddRange(prompts.Where(p => p > 0).Select(p => new BenchmarkCase(p, 0, depth, t)));
                cases.AddRange(generated.Where(n => n > 0).Select(n => new BenchmarkCase(0, n, depth, t)));
            }
        }
        return cases;
    }
}

/// <summary>One row of <c>meki bench</c>: what was measured.</summary>
internal sealed record BenchmarkResult
{
    public required BenchmarkCase Case { get; init; }

    /// <summary>Tokens per second of each repetition, in order.</summary>
    public required double[] TokensPerSecond { get; init; }

    /// <summary>Bytes of weights read per token: all of them in decode, shared by a batch in prefill.</summary>
    public required double WeightBytesPerToken { get; init; }

    /// <summary>Bytes of keys and values read per token, the mean over the run.</summary>
    public required double KvBytesPerToken { get; init; }

    /// <summary>Bytes per second that this process read from memory with the same threads.</summary>
    public required double ReadBandwidth { get; init; }

    public required long PeakResidentBytes { get; init; }

    public required double AllocatedBytesPerToken { get; init; }

    /// <summary>Time spent waiting for rows in each timed forward pass, seconds per token, ascending.</summary>
    public required double[] RowWaits { get; init; }

    /// <summary>Share of the records asked for that were in memory or on their way.</summary>
    public required double RowHitShare { get; init; }

    /// <summary>Time of one read of the row file, seconds: the median.</summary>
    public required double MedianRowRead { get; init; }

    /// <summary>Time of one read of the row file, seconds: the 99th percentile.</summary>
    public required double P99RowRead { get; init; }

    public double Median => Quantile([.. TokensPerSecond.Order()], 0.5);

    public double Least => TokensPerSecond.Min();

    public double Most => TokensPerSecond.Max();

    /// <summary>Share of the read bandwidth that the bytes of weights and KV make up.</summary>
    public double BandwidthShare => Median * (WeightBytesPerToken + KvBytesPerToken) / ReadBandwidth;

    public double MedianRowWait => Quantile(RowWaits, 0.5);

    public double P99RowWait => Quantile(RowWaits, 0.99);

    private static double Quantile(double[] ascending, double q)
    {
        double at = q * (ascending.Length - 1);
        int below = (int)at;
        return below + 1 < ascending.Length ? ascending[below] + (at - below) * (ascending[below + 1] - ascending[below]) : ascending[below];
    }
}
