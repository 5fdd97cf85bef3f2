using System.Runtime.InteropServices;
using MeKi.Kernels;
using MeKi.Kernels.Operations;
using MeKi.Model.Generation;
using MeKi.Model.Layers;

namespace MeKi.Model.Adapters.Merging;

/// <summary>Passes texts through a model on one thread, several in a batch.</summary>
internal sealed class TextPass : IDisposable
{
    /// <summary>The most texts at a time: each takes pages for keys and values.</summary>
    public const int MostTexts = 8;

    // 160 tokens of a vocabulary of 151,680 would be 97 MB.
    private const int MaxLogitBytes = 32 << 20;

    private readonly ComputePool _pool = new(1);
    private readonly Pass _pass;
    private readonly int _vocabulary, _batch;
    private readonly TokenDistribution _distribution;
    private readonly KvCache[] _caches;
    private readonly int[] _tokens;
    private readonly List<Segment> _segments = [];
    private readonly List<(int Text, int First)> _places = [];
    private float[] _logits = [];

    public TextPass(LoadedModel model)
    {
        _vocabulary = model.Config.VocabularySize;
        _batch = Math.Clamp(MaxLogitBytes / sizeof(float) / _vocabulary, 1, Pass.MaxBatch);
        (_pass, _distribution, _tokens) = (model.CreatePass(_pool), new(_vocabulary), new int[_batch]);
        _caches = [.. Enumerable.Range(0, MostTexts).Select(_ => new KvCache(model.Kv))];
    }

    /// <summary>The sum of the negative log-likelihoods of each text's tokens that count.</summary>
    /// <param name="texts">At most <see cref="MostTexts"/>.</param>
    /// <param name="adapter">What they are computed with besides the model.</param>
    /// <param name="sums">Receives them.</param>
    /// <param name="cancellation">Heeded before each pass.</param>
    public void Score(IReadOnlyList<MergeText> texts, HeldAdapter? adapter, Span<double> sums, CancellationToken cancellation)
    {
        sums.Clear();
        Begin(texts);
        while (Next(texts, adapter, cancellation))
        {
            int row = 0;
            for (int i = 0; i < _places.Count; i++)
            {
                (int text, int first) = _places[i];
                for (int position = first; position < first + _segments[i].Count; position++, row++)
                {
                    if (position + 1 < texts[text].First)
                        continue;
                    _distribution.Set(_logits.AsSpan(row * _vocabulary, _vocabulary));
                    sums[text] -= _distribution.LogProbability(texts[text].Tokens[position + 1]);
                }
            }
        }
    }

    /// <summary>Shows every product's input.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="adapter">What they are computed with besides the model.</param>
    /// <param name="see">Told the matrix, its input and how many rows of that count.</param>
    /// <param name="cancellation">Heeded before each pass.</param>
    public void Watch(IReadOnlyList<MergeText> texts, HeldAdapter adapter, Action<Linear, ActivationMatrix, int> see, CancellationToken cancellation)
    {
        _pass.Inputs = see;
        try
        {
            foreach (MergeText[] some in texts.Chunk(MostTexts))
            {
                Begin(some);
                while (Next(some, adapter, cancellation))
                {
                }
            }
        }
        finally
        {
            _pass.Inputs = null;
        }
    }

    public void Dispose()
    {
        foreach (KvCache cache in _caches)
            cache.Dispose();
        _pass.Branch?.Rows.Dispose();
        _pool.Dispose();
    }

    private void Begin(IReadOnlyList<MergeText> texts)
    {
        _segments.Clear();
        for (int i = 0; i < texts.Count; i++)
            _caches[i].Truncate(0);
    }

    // The next tokens of the texts, one text after the other.
    private bool Next(IReadOnlyList<MergeText> texts, HeldAdapter? adapter, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        _segments.Clear();
        _places.Clear();
        int count = 0;
        for (int text = 0; text < texts.Count && count < _batch; text++)
        {
            // The last token predicts nothing.
            int first = _caches[text].Length, take = Math.Min(_batch - count, texts[text].Tokens.Length - 1 - first);
            if (take == 0)
                continue;
            texts[text].Tokens.AsSpan(first, take).CopyTo(_tokens.AsSpan(count));
            // Tokens whose logits nobody wants leave before the last layer has seen them: all are wanted.
            _segments.Add(new(_caches[text], take, take, adapter?.Set));
            _places.Add((text, first));
            count += take;
        }
        if (count == 0)
            return false;
        if (_logits.Length < count * _vocabulary)
            _logits = new float[count * _vocabulary];
        _pass.Run(_tokens.AsSpan(0, count), CollectionsMarshal.AsSpan(_segments), [], _logits.AsSpan(0, count * _vocabulary), cancellation);
        return true;
    }
}
