using MeKi.Kernels.Operations;
using MeKi.Model.Generation;
using MeKi.Model.Layers;

namespace MeKi.Model.Adapters.Merging;

/// <summary>How likely a model with an adapter finds texts, and what its matrices are given meanwhile. For one thread at a time.</summary>
/// <param name="model">The model.</param>
internal sealed class TextScorer(MeKiModel model)
{
    // 160 tokens of a vocabulary of 151,680 would be 97 MB.
    private const int MaxLogitBytes = 32 << 20;

    private readonly LoadedModel _loaded = model.Loaded;
    private readonly Pass _pass = model.Loaded.CreatePass();
    private readonly TokenDistribution _distribution = new(model.Config.VocabularySize);
    private readonly int _batch = Math.Clamp(MaxLogitBytes / sizeof(float) / model.Config.VocabularySize, 1, Pass.MaxBatch);
    private float[] _logits = [];

    /// <summary>The mean negative log-likelihood of the tokens that count, in nats.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="adapter">The adapter; null for the model alone.</param>
    /// <param name="cancellation">Heeded before each batch.</param>
    /// <exception cref="InvalidLogitsException">The logits are no numbers.</exception>
    public double Score(IReadOnlyList<MergeText> texts, LoraAdapter? adapter, CancellationToken cancellation)
    {
        using HeldAdapter? held = Hold(adapter);
        return Score(texts, held, cancellation);
    }

    /// <summary>Likewise with an adapter that is in memory.</summary>
    public double Score(IReadOnlyList<MergeText> texts, HeldAdapter? adapter, CancellationToken cancellation)
    {
        double sum = 0;
        long tokens = 0;
        foreach (MergeText text in texts)
        {
            Run(text, adapter, (position, logits) =>
            {
                _distribution.Set(logits);
                sum -= _distribution.LogProbability(text.Tokens[position + 1]);
                tokens++;
            }, cancellation);
        }
        return sum / tokens;
    }

    /// <summary>Runs a task's examples and shows every product's input.</summary>
    /// <param name="task">The task, with its own adapter.</param>
    /// <param name="see">Told the matrix, its input and how many rows of that count.</param>
    /// <param name="cancellation">Heeded before each batch.</param>
    public void Watch(MergeTask task, Action<Linear, ActivationMatrix, int> see, CancellationToken cancellation)
    {
        using HeldAdapter? held = Hold(task.Adapter);
        _pass.Inputs = see;
        try
        {
            foreach (MergeText text in task.Examples)
                Run(text, held, null, cancellation);
        }
        finally
        {
            _pass.Inputs = null;
        }
    }

    /// <summary>Brings an adapter to memory; it stays there until disposed.</summary>
    public HeldAdapter? Hold(LoraAdapter? adapter) => adapter is null ? null : new(adapter, _loaded);

    private void Run(MergeText text, HeldAdapter? adapter, SeeLogits? see, CancellationToken cancellation)
    {
        int vocabulary = model.Config.VocabularySize;
        using KvCache cache = new(_loaded.Kv);
        // The last token predicts nothing.
        ReadOnlySpan<int> tokens = text.Tokens.AsSpan(0, text.Tokens.Length - 1);
        for (int first = 0; first < tokens.Length; first += _batch)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(_batch, tokens.Length - first);
            // Tokens whose logits nobody wants leave before the last layer has seen them: all are wanted.
            if (_logits.Length < count * vocabulary)
                _logits = new float[count * vocabulary];
            Span<float> logits = _logits.AsSpan(0, count * vocabulary);
            _pass.Run(tokens.Slice(first, count), [new(cache, count, count, adapter?.Set)], [], logits, cancellation);
            for (int i = 0; i < count && see is not null; i++)
            {
                if (first + i + 1 >= text.First)
                    see(first + i, logits.Slice(i * vocabulary, vocabulary));
            }
        }
    }

    private delegate void SeeLogits(int position, ReadOnlySpan<float> logits);
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
