using System.Globalization;
using System.Numerics.Tensors;

namespace MeKi.Model.Generation;

/// <summary>Chooses the next token from logits. One instance per generation: it knows the tokens so far, and keeps what choosing needs, so that a token allocates nothing.</summary>
internal sealed class Sampler(GenerationOptions options)
{
    // llama.cpp's default window.
    private const int PenaltyWindow = 64;

    private static readonly Comparer<float> Descending = Comparer<float>.Create(static (left, right) => right.CompareTo(left));

    private readonly Random _random = options.Seed is { } seed ? new(seed) : new();
    private readonly Queue<int> _recent = new(PenaltyWindow);
    private readonly HashSet<int> _penalized = new(PenaltyWindow);
    private readonly PriorityQueue<int, float> _heap = new();
    private float[] _candidateLogits = [];
    private int[] _candidates = [];

    /// <summary>Takes note of a token of the sequence.</summary>
    public void Accept(int token)
    {
        if (_recent.Count == PenaltyWindow)
            _recent.Dequeue();
        _recent.Enqueue(token);
    }

    /// <summary>Chooses a token.</summary>
    /// <param name="logits">The last position's, [V]; changed by the repetition penalty.</param>
    /// <exception cref="InvalidOperationException">The logits hold a NaN or an infinity: no choice would mean anything.</exception>
    public int Sample(Span<float> logits)
    {
        Penalize(logits);
        int best = TensorPrimitives.IndexOfMax(logits);
        if (!float.IsFinite(logits[best]))
            throw new InvalidOperationException($"The model's logits hold {logits[best].ToString(CultureInfo.InvariantCulture)}; its weights or rows are damaged.");
        if (options.Temperature == 0 || options.TopK == 1)
            return best;
        int count = KeepLikeliest(logits);
        return Draw(_candidateLogits.AsSpan(0, count), _candidates.AsSpan(0, count));
    }

    private void Penalize(Span<float> logits)
    {
        if (options.RepetitionPenalty == 1)
            return;
        _penalized.Clear();
        foreach (int token in _recent)
        {
            if (_penalized.Add(token))
                logits[token] = logits[token] > 0 ? logits[token] / options.RepetitionPenalty : logits[token] * options.RepetitionPenalty;
        }
    }

    /// <summary>Fills the candidates, the likeliest first: the top k, of these the top p, of these those above min-p.</summary>
    private int KeepLikeliest(ReadOnlySpan<float> logits)
    {
        if (_candidates.Length < logits.Length)
            (_candidateLogits, _candidates) = (new float[logits.Length], new int[logits.Length]);
        int count = options.TopK > 0 && options.TopK < logits.Length ? TakeTop(logits, options.TopK) : TakeAll(logits);
        Span<float> kept = _candidateLogits.AsSpan(0, count);
        kept.Sort(_candidates.AsSpan(0, count), Descending);

        float max = kept[0];
        if (options.TopP < 1)
        {
            double total = 0, cumulative = 0;
            foreach (float logit in kept)
                total += Math.Exp(logit - max);
            for (int i = 0; i < count; i++)
            {
                cumulative += Math.Exp(kept[i] - max);
                if (cumulative >= options.TopP * total)
                {
                    count = i + 1;
                    break;
                }
            }
        }
        while (count > 1 && Math.Exp(kept[count - 1] - max) < options.MinP)
            count--;
        return count;
    }

    private int TakeAll(ReadOnlySpan<float> logits)
    {
        logits.CopyTo(_candidateLogits);
        for (int i = 0; i < logits.Length; i++)
            _candidates[i] = i;
        return logits.Length;
    }

    // A heap of the k best so far: one pass over the vocabulary, where a sort of 151,680 logits would take some ten milliseconds.
    private int TakeTop(ReadOnlySpan<float> logits, int k)
    {
        for (int i = 0; i < logits.Length; i++)
        {
            if (_heap.Count < k)
                _heap.Enqueue(i, logits[i]);
            else if (_heap.TryPeek(out _, out float least) && logits[i] > least)
                _heap.EnqueueDequeue(i, logits[i]);
        }
        for (int i = 0; _heap.TryDequeue(out int token, out float logit); i++)
            (_candidates[i], _candidateLogits[i]) = (token, logit);
        return k;
    }

    private int Draw(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        double total = 0;
        float max = logits[0];
        for (int i = 0; i < logits.Length; i++)
        {
            logits[i] = MathF.Exp((logits[i] - max) / options.Temperature);
            total += logits[i];
        }
        double left = _random.NextDouble() * total;
        for (int i = 0; i < logits.Length; i++)
        {
            left -= logits[i];
            if (left < 0)
                return tokens[i];
        }
        return tokens[^1];
    }
}
