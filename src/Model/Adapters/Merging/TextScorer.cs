using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using MeKi.Kernels.Operations;
using MeKi.Model.Layers;

namespace MeKi.Model.Adapters.Merging;

/// <summary>Texts to be scored with an adapter.</summary>
/// <param name="Texts">The texts.</param>
/// <param name="Adapter">The adapter; null for the model alone.</param>
internal readonly record struct TextJob(IReadOnlyList<MergeText> Texts, HeldAdapter? Adapter);

/// <summary>
/// How likely a model with an adapter finds texts, and what its matrices are given meanwhile. Each thread has texts of its own: scores are many short texts,
/// and a small model's regions are too short to be shared.
/// </summary>
/// <param name="model">The model.</param>
internal sealed class TextScorer(MeKiModel model) : IDisposable
{
    private readonly LoadedModel _loaded = model.Loaded;
    private readonly ConcurrentBag<TextPass> _passes = [];

    /// <summary>The sum of the negative log-likelihoods of the tokens that count, in nats, of each job's texts.</summary>
    /// <param name="jobs">The jobs; an adapter may be that of several.</param>
    /// <param name="stage">What is done, for people.</param>
    /// <param name="progress">Told the texts.</param>
    /// <param name="cancellation">Heeded before each batch.</param>
    /// <exception cref="InvalidLogitsException">The logits are no numbers.</exception>
    public double[][] Score(IReadOnlyList<TextJob> jobs, string stage, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        List<(int Job, Range Texts)> batches = [];
        for (int job = 0; job < jobs.Count; job++)
            batches.AddRange(Batches(jobs[job].Texts).Select(texts => (job, texts)));
        double[][] sums = [.. jobs.Select(job => new double[job.Texts.Count])];
        int done = 0, all = jobs.Sum(job => job.Texts.Count);
        Each(batches.Count, (pass, i) =>
        {
            (int job, Range texts) = batches[i];
            (int first, int count) = texts.GetOffsetAndLength(jobs[job].Texts.Count);
            pass.Score(Slice(jobs[job].Texts, first, count), jobs[job].Adapter, sums[job].AsSpan(first, count), cancellation);
            progress?.Report(new(stage, Interlocked.Add(ref done, count), all, "texts"));
        }, cancellation);
        return sums;
    }

    /// <summary>Runs each task's examples with its own adapter and shows every product's input.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="watch">Makes who is told of a task: the matrix, its input and how many rows of that count. Called from several threads.</param>
    /// <param name="done">Told a task that was run, from several threads.</param>
    /// <param name="cancellation">Heeded before each batch.</param>
    public void Watch(
        IReadOnlyList<MergeTask> tasks, Func<int, Action<Linear, ActivationMatrix, int>> watch, Action<int> done, CancellationToken cancellation) =>
        Each(tasks.Count, (pass, i) =>
        {
            using HeldAdapter held = Hold(tasks[i].Adapter);
            pass.Watch(tasks[i].Examples, held, watch(i), cancellation);
            done(i);
        }, cancellation);

    /// <summary>Brings an adapter to memory; it stays there until disposed.</summary>
    public HeldAdapter Hold(LoraAdapter adapter) => new(adapter, _loaded);

    public void Dispose()
    {
        while (_passes.TryTake(out TextPass? pass))
            pass.Dispose();
    }

    private void Each(int count, Action<TextPass, int> work, CancellationToken cancellation)
    {
        ParallelOptions options = new() { MaxDegreeOfParallelism = _loaded.Pool.Threads, CancellationToken = cancellation };
        try
        {
            Parallel.For(0, count, options, i =>
            {
                TextPass pass = _passes.TryTake(out TextPass? idle) ? idle : new(_loaded);
                try
                {
                    work(pass, i);
                }
                finally
                {
                    _passes.Add(pass);
                }
            });
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
    }

    private static IEnumerable<Range> Batches(IReadOnlyList<MergeText> texts)
    {
        int first = 0, tokens = 0;
        for (int i = 0; i < texts.Count; i++)
        {
            int more = texts[i].Tokens.Length - 1;
            if (i > first && (tokens + more > Pass.MaxBatch || i - first == TextPass.MostTexts))
            {
                yield return first..i;
                (first, tokens) = (i, 0);
            }
            tokens += more;
        }
        yield return first..texts.Count;
    }

    private static MergeText[] Slice(IReadOnlyList<MergeText> texts, int first, int count) => [.. texts.Skip(first).Take(count)];
}

/// <summary>An adapter that is no library's, in memory until disposed.</summary>
internal sealed class HeldAdapter : IDisposable
{
    private static long s_made;

    private readonly PackedAdapter _packed;

    public HeldAdapter(LoraAdapter adapter, LoadedModel model)
    {
        _packed = PackedAdapter.Pack(adapter, $"in memory {Interlocked.Increment(ref s_made)}", model.Weights, model.Config, model.Pool, null);
        _packed.Pins = 1;
        Set = new(model.Adapters, [(_packed, 1)], [new(adapter.Name)]);
    }

    /// <summary>The adapter alone.</summary>
    public AdapterSet Set { get; }

    public void Dispose()
    {
        Set.Dispose();
        foreach (PackedFactor factor in _packed.Factors)
            factor.Free();
    }
}
