using System.Diagnostics;
using System.Numerics.Tensors;
using MeKi.Kernels;
using MeKi.Model;
using MeKi.Tool.Rows;

namespace MeKi.Tool.Benchmarking;

/// <summary>Measures cases on a model: random tokens, of a decode the likeliest after a random one, one run to warm up, then the repetitions.</summary>
/// <param name="path">The model.</param>
/// <param name="load">How to load it, but for the threads.</param>
/// <param name="repetitions">Timed runs of a case.</param>
/// <param name="cold">Evicts the row file from the page cache before each repetition.</param>
/// <param name="pace">Tokens a second of a decode on the machine that is emulated; null for as fast as this one can.</param>
internal sealed class BenchmarkRun(string path, LoadOptions load, int repetitions, bool cold, double? pace) : IDisposable
{
    private const int Seed = 20260203;

    private readonly RowMeter _rows = new();

    public void Dispose() => _rows.Dispose();

    /// <summary>Measures cases that share a number of threads.</summary>
    /// <param name="done">Called after each repetition, the warm-up included.</param>
    public IEnumerable<BenchmarkResult> Run(int threads, IReadOnlyList<BenchmarkCase> cases, Action done, CancellationToken cancellationToken)
    {
        double bandwidth = MeasureReadBandwidth(threads);
        using MeKiModel model = ModelLoading.Load(path, load with { Threads = threads });
        if (cold && model.RowFilePath is null)
            throw new ArgumentException($"{path} reads no row file, so there is nothing that --cold could evict.");
        foreach (BenchmarkCase item in cases)
        {
            if (item.Depth + item.Tokens > model.Config.ContextLength)
                throw new ContextOverflowException(item.Tokens, item.Depth, model.Config.ContextLength);
            yield return Run(model, item, bandwidth, done, cancellationToken);
        }
    }

    private static double MeasureReadBandwidth(int threads)
    {
        using ComputePool pool = new(threads);
        using MemoryRead yardstick = new(pool);
        return Enumerable.Range(0, 9).Select(_ => yardstick.Run()).Order().ElementAt(4);
    }

    private BenchmarkResult Run(MeKiModel model, BenchmarkCase item, double bandwidth, Action done, CancellationToken cancellationToken)
    {
        Random random = new(Seed);
        PeakMemory.Reset();
        using MeKiSession session = model.CreateSession();
        Fill(session, item.Depth, random, model.Config.VocabularySize, cancellationToken);
        double[] rates = new double[repetitions];
        List<double> waits = new(repetitions * Math.Max(item.GeneratedTokens, 1));
        long allocated = 0;
        for (int repetition = -1; repetition < repetitions; repetition++)
        {
            session.Truncate(item.Depth);
            int[] tokens = RandomTokens(random, item.Tokens, model.Config.VocabularySize);
            float[] logits = new float[model.Config.VocabularySize];
            if (cold)
                PageCache.Evict(model.RowFilePath!);
            List<double> waited = repetition < 0 ? [] : waits;
            if (repetition == 0)
                _rows.Clear();
            int token = tokens[^1];
            long before = GC.GetTotalAllocatedBytes(precise: true);
            long start = Stopwatch.GetTimestamp();
            if (item.PromptTokens > 0)
                Forward(model, session, tokens, logits, waited, cancellationToken);
            for (int i = 0; i < item.GeneratedTokens; i++)
            {
                long begin = Stopwatch.GetTimestamp();
                session.Prefetch(token);
                Forward(model, session, [token], logits, waited, cancellationToken);
                token = TensorPrimitives.IndexOfMax(logits);
                if (pace is { } rate)
                    WaitUntil(begin, 1 / rate + waited[^1]);
            }
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (repetition >= 0)
            {
                rates[repetition] = item.Tokens / seconds;
                allocated += GC.GetTotalAllocatedBytes(precise: true) - before;
            }
            done();
        }
        waits.Sort();
        double batches = Math.Ceiling((double)item.PromptTokens / MeKiSession.BatchTokens) + item.GeneratedTokens;
        return new()
        {
            Case = item,
            TokensPerSecond = rates,
            WeightBytesPerToken = model.WeightBytesPerToken * batches / item.Tokens,
            // The token at position p reads p + 1 positions.
            KvBytesPerToken = model.KvBytesPerPosition * (item.Depth + (item.Tokens + 1) / 2.0),
            ReadBandwidth = bandwidth,
            PeakResidentBytes = PeakMemory.ResidentBytes,
            AllocatedBytesPerToken = (double)allocated / (repetitions * item.Tokens),
            RowWaits = [.. waits],
            RowHitShare = _rows.HitShare,
            MedianRowRead = _rows.Reads.Quantile(0.5),
            P99RowRead = _rows.Reads.Quantile(0.99),
        };
    }

    private static void Forward(MeKiModel model, MeKiSession session, ReadOnlySpan<int> tokens, float[] logits, List<double> waited,
        CancellationToken cancellationToken)
    {
        TimeSpan before = model.StoreCounters.WaitTime;
        session.Forward(tokens, logits, cancellationToken: cancellationToken);
        waited.Add((model.StoreCounters.WaitTime - before).TotalSeconds / tokens.Length);
    }

    /// <summary>
    /// Rests after a token as long as the slower machine would still compute. Time that the token waited for rows is not made up for: there, it would come on
    /// top.
    /// </summary>
    private static void WaitUntil(long begin, double seconds)
    {
        for (double left; (left = seconds - Stopwatch.GetElapsedTime(begin).TotalSeconds) > 0;)
            Thread.Sleep((int)(left * 1000));
    }

    private static void Fill(MeKiSession session, int depth, Random random, int vocabulary, CancellationToken cancellationToken)
    {
        while (session.Position < depth)
            session.Forward(RandomTokens(random, Math.Min(MeKiSession.BatchTokens, depth - session.Position), vocabulary), [],
                cancellationToken: cancellationToken);
    }

    private static int[] RandomTokens(Random random, int count, int vocabulary)
    {
        int[] tokens = new int[count];
        for (int i = 0; i < count; i++)
            tokens[i] = random.Next(vocabulary);
        return tokens;
    }
}
