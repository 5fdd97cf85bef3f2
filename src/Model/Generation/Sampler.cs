using System.Numerics.Tensors;
using MeKi.Kernels;

namespace MeKi.Model.Generation;

/// <summary>
/// Chooses the next token from logits. One instance per generation: it knows the tokens so far, and keeps what choosing needs, so that a token allocates
/// nothing.
/// </summary>
internal sealed class Sampler(GenerationOptions options)
{
    // llama.cpp's default window.
    private const int PenaltyWindow = 64;

    // Below the likeliest by more than 32 nats, 1e-14, all are one bin.
    private const int BinsOfNat = 32, Nats = 32;

    private static readonly Comparer<float> Descending = Comparer<float>.Create(static (left, right) => right.CompareTo(left));

    private readonly Random _random = options.Seed is { } seed ? new(seed) : new();
    private readonly Queue<int> _recent = new(PenaltyWindow);
    private readonly HashSet<int> _penalized = new(PenaltyWindow);
    private readonly PriorityQueue<int, float> _heap = new();
    private readonly double[] _binMasses = new double[BinsOfNat * Nats];
    private float[] _candidateLogits = [];
    private double[] _masses = [];
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
    /// <exception cref="InvalidLogitsException">The logits hold a NaN or an infinity, or all are −∞: no choice would mean anything.</exception>
    public int Sample(Span<float> logits)
    {
        int best = Likeliest(logits);
        // What the penalty makes of them is not the model's fault.
        if (Penalize(logits))
            best = Likeliest(logits);
        if (options.Temperature == 0 || options.TopK == 1)
            return best;
        int count = KeepLikeliest(logits, logits[best]);
        return Draw(_candidateLogits.AsSpan(0, count), _candidates.AsSpan(0, count), logits[best]);
    }

    private static int Likeliest(ReadOnlySpan<float> logits)
    {
        int best = TensorPrimitives.IndexOfMax(logits);
        return float.IsFinite(logits[best]) ? best : throw new InvalidLogitsException(logits[best]);
    }

    private bool Penalize(Span<float> logits)
    {
        if (options.RepetitionPenalty == 1)
            return false;
        _penalized.Clear();
        foreach (int token in _recent)
        {
            if (_penalized.Add(token))
            {
                float logit = logits[token] > 0 ? logits[token] / options.RepetitionPenalty : logits[token] * options.RepetitionPenalty;
                // Finite logits stay finite.
                logits[token] = Math.Clamp(logit, float.MinValue, float.MaxValue);
            }
        }
        return true;
    }

    /// <summary>Fills the candidates: the top k, of these the top p, of these those above min-p.</summary>
    private int KeepLikeliest(ReadOnlySpan<float> logits, float max)
    {
        if (_candidates.Length < logits.Length)
            (_candidateLogits, _candidates, _masses) = (new float[logits.Length], new int[logits.Length], new double[logits.Length]);
        int count;
        if (options.TopK > 0 && options.TopK < logits.Length)
        {
            count = TakeTop(logits, options.TopK);
            if (options.TopP < 1)
                count = Nucleus(0, count, max, options.TopP * MassOfTop(count, max));
        }
        else
            count = options.TopP < 1 ? TakeNucleus(logits, max) : TakeAll(logits);
        return options.MinP > 0 ? DropUnlikely(count, max) : count;
    }

    private int TakeAll(ReadOnlySpan<float> logits)
    {
        logits.CopyTo(_candidateLogits);
        for (int i = 0; i < logits.Length; i++)
            _candidates[i] = i;
        return logits.Length;
    }

    /// <summary>
    /// The top p of the vocabulary, in no order. Probabilities are summed by bins of the logit first, so that only the bin in which the sum is reached has to
    /// be sorted: to sort all of 151,936 logits takes 33 ms, as long as a model of 0.6B takes for the token.
    /// </summary>
    private int TakeNucleus(ReadOnlySpan<float> logits, float max)
    {
        _binMasses.AsSpan().Clear();
        Span<double> some = stackalloc double[256];
        for (int first = 0; first < logits.Length; first += some.Length)
        {
            ReadOnlySpan<float> from = logits.Slice(first, Math.Min(some.Length, logits.Length - first));
            for (int i = 0; i < from.Length; i++)
                some[i] = from[i] - max;
            FixedMath.Exp(some[..from.Length]);
            for (int i = 0; i < from.Length; i++)
                _binMasses[Bin(from[i], max)] += some[i];
        }
        double rest = options.TopP * FixedSum.Of(_binMasses);
        int last = 0;
        while (last < _binMasses.Length - 1 && rest > _binMasses[last])
            rest -= _binMasses[last++];

        int count = 0;
        for (int token = 0; token < logits.Length; token++)
        {
            if (Bin(logits[token], max) < last)
                (_candidateLogits[count], _candidates[count++]) = (logits[token], token);
        }
        int whole = count;
        for (int token = 0; token < logits.Length; token++)
        {
            if (Bin(logits[token], max) == last)
                (_candidateLogits[count], _candidates[count++]) = (logits[token], token);
        }
        Sort(whole, count);
        return whole + Nucleus(whole, count, max, rest);
    }

    private static int Bin(float logit, float max) => (int)Math.Min((max - logit) * BinsOfNat, BinsOfNat * Nats - 1);

    /// <summary>How many of some candidates, the likeliest first, make up a mass; all of them where they do not.</summary>
    private int Nucleus(int first, int end, float max, double mass)
    {
        for (int i = first; i < end; i++)
        {
            mass -= FixedMath.Exp(_candidateLogits[i] - max);
            if (mass <= 0)
                return i + 1 - first;
        }
        return end - first;
    }

    private double MassOfTop(int count, float max)
    {
        double total = 0;
        for (int i = 0; i < count; i++)
            total += FixedMath.Exp(_candidateLogits[i] - max);
        return total;
    }

    private int DropUnlikely(int count, float max)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            if (_candidateLogits[i] == max || FixedMath.Exp(_candidateLogits[i] - max) >= options.MinP)
                (_candidateLogits[kept], _candidates[kept++]) = (_candidateLogits[i], _candidates[i]);
        }
        return kept;
    }

    private void Sort(int first, int end) => _candidateLogits.AsSpan(first..end).Sort(_candidates.AsSpan(first..end), Descending);

    /// <summary>The k likeliest, sorted, by a heap of the best so far: one pass over the vocabulary.</summary>
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
        Sort(0, k);
        return k;
    }

    private int Draw(ReadOnlySpan<float> logits, ReadOnlySpan<int> tokens, float max)
    {
        Span<double> masses = _masses.AsSpan(0, logits.Length);
        for (int i = 0; i < logits.Length; i++)
            masses[i] = (logits[i] - max) / options.Temperature;
        FixedMath.Exp(masses);
        double left = _random.NextDouble() * FixedSum.Of(masses);
        for (int i = 0; i < masses.Length; i++)
        {
            left -= masses[i];
            if (left < 0)
                return tokens[i];
        }
        return tokens[^1];
    }
}
