using System.Diagnostics;
using MeKi.Kernels;
using MeKi.Kernels.Yardsticks;
using MeKi.Model;

namespace MeKi.Tool.Benchmarking;

/// <summary>Measures cases on a model: random tokens, one run to warm up, then the repetitions.</summary>
/// <param name="path">The model.</param>
/// <param name="repetitions">Timed runs of a case.</param>
/// <param name="load">How it is loaded, but for the threads.</param>
/// <param name="cold">Evicts the row file from the page cache before each repetition.</param>
internal sealed class BenchmarkRun(string path, int repetitions, LoadOptions load, bool cold)
{
    private const int Seed = 20260203;

    /// <summary>Measures cases that share a number of threads.</summary>
    /// <param name="done">Called after each repetition, the warm-up included.</param>
    public IEnumerable<BenchmarkResult> Run(int threads, IReadOnlyList<BenchmarkCase> cases, Action done, CancellationToken cancellationToken)
    {
        double bandwidth = MeasureReadBandwidth(threads);
        using MeKiModel model = MeKiModel.Load(path, load with { Threads = threads });
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
            long before = GC.GetTotalAllocatedBytes(precise: true);
            long start = Stopwatch.GetTimestamp();
            if (item.PromptTokens > 0)
                Forward(model, session, tokens, logits, waited);
            for (int i = 0; i < item.GeneratedTokens; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                session.Prefetch(tokens[i]);
                Forward(model, session, tokens.AsSpan(i, 1), logits, waited);
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
        };
    }

    private static void Forward(MeKiModel model, MeKiSession session, ReadOnlySpan<int> tokens, float[] logits, List<double> waited)
    {
        TimeSpan before = model.StoreCounters.WaitTime;
        session.Forward(tokens, logits);
        waited.Add((model.StoreCounters.WaitTime - before).TotalSeconds / tokens.Length);
    }

    private static void Fill(MeKiSession session, int depth, Random random, int vocabulary, CancellationToken cancellationToken)
    {
        while (session.Position < depth)
        {
            cancellationToken.ThrowIfCancellationRequested();
            session.Forward(RandomTokens(random, Math.Min(MeKiSession.BatchTokens, depth - session.Position), vocabulary), []);
        }
    }

    private static int[] RandomTokens(Random random, int count, int vocabulary)
    {
        int[] tokens = new int[count];
        for (int i = 0; i < count; i++)
            tokens[i] = random.Next(vocabulary);
        return tokens;
    }
}
