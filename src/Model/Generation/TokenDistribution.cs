using System.Numerics.Tensors;
using MeKi.Kernels;

namespace MeKi.Model.Generation;

/// <summary>The distribution of the next token that logits stand for, in float64: <c>log p = logit − log Σ exp(logit)</c>.</summary>
internal sealed class TokenDistribution(int vocabulary)
{
    private readonly double[] _logits = new double[vocabulary];
    private readonly double[] _logProbabilities = new double[vocabulary];
    private readonly double[] _probabilities = new double[vocabulary];

    /// <summary>The likeliest token; the first of equals.</summary>
    public int Likeliest => TensorPrimitives.IndexOfMax<double>(_logits);

    /// <summary>Takes the distribution of these logits, [V].</summary>
    /// <exception cref="InvalidLogitsException">A logit is not a number: nothing measured on it would mean anything.</exception>
    public void Set(ReadOnlySpan<float> logits)
    {
        TensorPrimitives.ConvertTruncating(logits, _logits);
        double max = TensorPrimitives.Max<double>(_logits);
        if (!double.IsFinite(max))
            throw new InvalidLogitsException(max);
        TensorPrimitives.Subtract(_logits, max, _logProbabilities);
        _logProbabilities.CopyTo(_probabilities);
        FixedMath.Exp(_probabilities);
        double sum = FixedSum.Of(_probabilities);
        TensorPrimitives.Subtract(_logProbabilities, FixedMath.Log(sum), _logProbabilities);
        TensorPrimitives.Divide(_probabilities, sum, _probabilities);
    }

    /// <summary>Natural logarithm of a token's probability.</summary>
    public double LogProbability(int token) => _logProbabilities[token];

    /// <summary>The likeliest tokens, the likeliest first, of equals the first.</summary>
    public TokenProbability[] Top(int count)
    {
        PriorityQueue<int, (double, int)> least = new(count + 1);
        for (int token = 0; token < _logits.Length; token++)
        {
            if (least.Count < count)
                least.Enqueue(token, (_logits[token], -token));
            else if (count > 0 && least.TryPeek(out _, out (double Logit, int) last) && _logits[token] > last.Logit)
                least.EnqueueDequeue(token, (_logits[token], -token));
        }
        TokenProbability[] top = new TokenProbability[least.Count];
        for (int i = top.Length - 1; i >= 0; i--)
        {
            int token = least.Dequeue();
            top[i] = new(token, _logProbabilities[token]);
        }
        return top;
    }

    /// <summary>Kullback-Leibler divergence from this distribution to another, <c>Σ p (log p − log q)</c>, in nats.</summary>
    public double KlDivergence(TokenDistribution other)
    {
        double sum = 0;
        for (int token = 0; token < _probabilities.Length; token++)
            sum += _probabilities[token] * (_logProbabilities[token] - other._logProbabilities[token]);
        return sum;
    }

    /// <summary>Mean over the vocabulary of the squared difference of the logits themselves.</summary>
    public double MeanSquaredLogitDifference(TokenDistribution other)
    {
        double sum = 0;
        for (int token = 0; token < _logits.Length; token++)
            sum += (_logits[token] - other._logits[token]) * (_logits[token] - other._logits[token]);
        return sum / _logits.Length;
    }
}
