using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using MeKi.Kernels;

namespace MeKi.Model.Sampling;

/// <summary>
/// The tokens that may still be chosen, with their logits. They begin as the whole vocabulary in place and move to the buffers when the first of them is left
/// out. A probability is exp(logit − max) over the sum of these, in float64 and in one order: no bit depends on the machine.
/// </summary>
internal ref struct Candidates
{
    // Sums over a vocabulary go by so many, which stay in the nearest cache.
    private const int Block = 512;

    private readonly CandidateBuffers _buffers;
    private readonly Span<float> _vocabulary;
    private bool _isWhole, _isSorted;
    private float _max;

    /// <param name="buffers">Where they are kept; of one sampler at a time.</param>
    /// <param name="logits">The vocabulary's, [V]; changed.</param>
    /// <param name="max">The largest of them.</param>
    public Candidates(CandidateBuffers buffers, Span<float> logits, float max)
    {
        _buffers = buffers;
        _vocabulary = logits;
        _max = max;
        _isWhole = true;
        Count = logits.Length;
        buffers.Reserve(logits.Length);
    }

    public int Count { get; private set; }

    public readonly Span<float> Logits => _isWhole ? _vocabulary : _buffers.Logits.AsSpan(0, Count);

    /// <summary>Their tokens; empty while they are the whole vocabulary, in which a token is its place.</summary>
    public readonly ReadOnlySpan<int> Tokens => _isWhole ? default : _buffers.Tokens.AsSpan(0, Count);

    public readonly int Token(int place) => _isWhole ? place : _buffers.Tokens[place];

    /// <summary>The place of the likeliest, of equals the first.</summary>
    public readonly int Likeliest()
    {
        ReadOnlySpan<float> logits = Logits;
        int i = 0, width = Vector<float>.Count;
        Vector<float> max = new(_max);
        while (i + width <= logits.Length && !Vector.EqualsAny(new Vector<float>(logits[i..]), max))
            i += width;
        while (logits[i] != _max)
            i++;
        return i;
    }

    /// <summary>Takes note that somebody changed logits.</summary>
    /// <exception cref="InvalidLogitsException">None that is finite is left.</exception>
    public void Changed()
    {
        _max = TensorPrimitives.Max<float>(Logits);
        _isSorted = false;
        if (!float.IsFinite(_max))
            throw new InvalidLogitsException(_max);
    }

    /// <summary>Keeps and caps the k likeliest: those that <see cref="TopK"/> keeps of logits that are all capped.</summary>
    public void Cap(float cap, int k)
    {
        bool isAll = k >= Count;
        if (!isAll)
        {
            float last = k == 1 ? _max : LargestLogits.Logit(_buffers.Largest.Find(Logits, Tokens, k)[^1]);
            // What becomes equal to the last of them has the same right to be kept.
            Keep(SoftCap.LeastOfEqual(last, cap));
        }
        for (Span<float> logits = Logits; !logits.IsEmpty; logits = logits[Math.Min(SoftCap.Chunk, logits.Length)..])
            SoftCap.Apply(logits[..Math.Min(SoftCap.Chunk, logits.Length)], cap);
        Changed();
        if (!isAll)
            KeepLargest(k);
    }

    public void TopK(int k)
    {
        if (k == 0 || k >= Count)
            return;
        if (_isSorted)
            (Count, _isWhole) = (k, false);
        else
            KeepLargest(k);
    }

    public void TopP(float p)
    {
        if (p >= 1)
            return;
        if (_isSorted)
        {
            Span<double> masses = Masses();
            double total = 0;
            foreach (double mass in masses)
                total += mass;
            Count = Fewest(masses, p * total);
            return;
        }
        double target = p * MassOfAll(out _);
        if (!_isWhole)
        {
            KeepFewest(Masses(), Distances(), target, float.PositiveInfinity, byLogit: true);
            return;
        }
        // Of a whole vocabulary nearly all of the probability lies within a few nats of the likeliest token: only these are looked at one by one.
        for (float nats = 10; ; nats *= 2)
        {
            Candidates near = this;
            bool isAll = nats > CandidateBuffers.Bins / CandidateBuffers.BinsOfNat;
            near.Keep(isAll ? float.NegativeInfinity : _max - nats);
            if (near.KeepFewest(near.Masses(), near.Distances(), target, isAll ? float.PositiveInfinity : nats, byLogit: true))
            {
                this = near;
                return;
            }
        }
    }

    public void MinP(float p)
    {
        if (p == 0)
            return;
        // Somewhat more than what is due is found fast; then each is looked at.
        Keep(Below(FixedMath.Log(p)));
        Span<double> masses = Masses();
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_buffers.Logits[i] == _max || masses[i] >= p)
                Move(i, kept++);
        }
        Count = kept;
    }

    public void TopNSigma(float n)
    {
        if (n == 0)
            return;
        // Of what is −∞ there is no deviation.
        if (TensorPrimitives.Min<float>(Logits) < float.MinValue)
            Keep(float.MinValue);
        double mean = SumOf(0, isSquared: false) / Count, deviation = Math.Sqrt(SumOf(mean, isSquared: true) / Count);
        Keep((float)(_max - n * deviation));
    }

    public void Typical(float p)
    {
        if (p >= 1)
            return;
        double total = MassOfAll(out double mean);
        // As in top-p, of a whole vocabulary only what is near is looked at one by one: what is farther surprises more than all of it.
        for (float nats = 10; ; nats *= 2)
        {
            Candidates near = this;
            bool isAll = !_isWhole || nats > CandidateBuffers.Bins / CandidateBuffers.BinsOfNat;
            near.Keep(isAll ? float.MinValue : _max - nats);
            Span<double> surprises = near.Distances();
            for (int i = 0; i < surprises.Length; i++)
                surprises[i] = Math.Abs(surprises[i] + mean);
            float within = isAll ? float.PositiveInfinity : Math.Max(0, (float)(nats + mean - 0.01));
            // More than p, and not at least p as in top-p: so it is defined, and so llama.cpp has it.
            if (near.KeepFewest(near.Masses(), surprises, Math.BitIncrement(p * total), within, byLogit: false))
            {
                this = near;
                Changed();
                return;
            }
        }
    }

    /// <summary>Leaves out those of a probability of the threshold or more, but for the least likely of them.</summary>
    public void Xtc(float threshold)
    {
        Span<double> masses = Masses();
        double least = threshold * FixedSum.Of(masses);
        int choices = 0, last = 0;
        for (int i = 0; i < Count; i++)
        {
            if (masses[i] >= least)
                last = choices++ == 0 || masses[i] <= masses[last] ? i : last;
        }
        if (choices < 2)
            return;
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            if (masses[i] < least || i == last)
                Move(i, kept++);
        }
        bool isSorted = _isSorted;
        (Count, _isWhole) = (kept, false);
        Changed();
        _isSorted = isSorted;
    }

    /// <summary>Divides the logits, after which the largest is 0.</summary>
    public void Temperature(float temperature, float range, float exponent)
    {
        if (range > 0 && Count > 1)
        {
            Span<double> masses = Masses();
            double unsure = Entropy(masses, FixedSum.Of(masses)) / FixedMath.Log(Count);
            double least = Math.Max(0, temperature - range), share = unsure > 0 ? FixedMath.Pow(unsure, exponent) : exponent == 0 ? 1 : 0;
            // A temperature of 0 would divide by it; this one leaves the likeliest alone.
            temperature = Math.Max((float)(least + (temperature + range - least) * share), 1e-30f);
        }
        Span<float> logits = Logits;
        TensorPrimitives.Subtract(logits, _max, logits);
        TensorPrimitives.Divide(logits, temperature, logits);
        _max = 0;
    }

    /// <summary>Keeps those of at most so many bits of surprise, and the likeliest in any case.</summary>
    public void AtMostSurprise(double bits)
    {
        // exp(logit − max) ≥ total · 2^−bits
        double least = FixedMath.Log(MassOfAll(out _)) - bits * FixedMath.Log(2);
        int best = Likeliest();
        (int token, float logit) = (Token(best), Logits[best]);
        Keep(Below(Math.Min(least, 0)));
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_buffers.Logits[i] - _max >= least)
                Move(i, kept++);
        }
        if (kept == 0)
            (_buffers.Tokens[kept], _buffers.Logits[kept++]) = (token, logit);
        Count = kept;
    }

    /// <summary>Draws one.</summary>
    /// <param name="uniform">From 0 to 1, 1 excluded.</param>
    /// <param name="probability">Receives its probability among the candidates.</param>
    /// <returns>Its token.</returns>
    public readonly int Draw(double uniform, out double probability)
    {
        double total = MassOfAll(out _), left = uniform * total;
        Span<double> masses = stackalloc double[Block];
        // First the block, then in it.
        int first = 0;
        for (; first + Block < Count; first += Block)
        {
            double mass = FixedSum.Of(MassesFrom(first, masses));
            if (left < mass)
                break;
            left -= mass;
        }
        masses = MassesFrom(first, masses);
        int drawn = 0;
        for (; drawn < masses.Length - 1; drawn++)
        {
            left -= masses[drawn];
            if (left < 0)
                break;
        }
        probability = masses[drawn] / total;
        return Token(first + drawn);
    }

    private readonly Span<double> Masses() => MassesFrom(0, _buffers.Masses.AsSpan(0, Count));

    private readonly double SumOf(double shift, bool isSquared)
    {
        ReadOnlySpan<float> logits = Logits;
        Span<double> some = stackalloc double[Block];
        double total = 0;
        for (int first = 0; first < logits.Length; first += some.Length)
        {
            some = some[..Math.Min(some.Length, logits.Length - first)];
            TensorPrimitives.ConvertTruncating(logits.Slice(first, some.Length), some);
            TensorPrimitives.Subtract(some, shift, some);
            if (isSquared)
                TensorPrimitives.Multiply(some, some, some);
            total += FixedSum.Of(some);
        }
        return total;
    }

    // And how far logits are from the largest, on the average by their probabilities; 0 or less.
    private readonly double MassOfAll(out double mean)
    {
        // Beyond, a probability is 0.
        const double Farthest = -1000;
        ReadOnlySpan<float> logits = Logits;
        Span<double> some = stackalloc double[Block], distances = stackalloc double[Block];
        double total = 0, sum = 0;
        for (int first = 0; first < logits.Length; first += Block)
        {
            some = some[..Math.Min(Block, logits.Length - first)];
            distances = distances[..some.Length];
            TensorPrimitives.ConvertTruncating(logits.Slice(first, some.Length), distances);
            TensorPrimitives.Subtract(distances, _max, distances);
            TensorPrimitives.Max(distances, Farthest, distances);
            distances.CopyTo(some);
            FixedMath.Exp(some);
            total += FixedSum.Of(some);
            TensorPrimitives.Multiply(some, distances, some);
            sum += FixedSum.Of(some);
        }
        mean = sum / total;
        return total;
    }

    private readonly Span<double> MassesFrom(int first, Span<double> masses)
    {
        ReadOnlySpan<float> logits = Logits[first..];
        masses = masses[..Math.Min(masses.Length, logits.Length)];
        TensorPrimitives.ConvertTruncating(logits[..masses.Length], masses);
        TensorPrimitives.Subtract(masses, _max, masses);
        FixedMath.Exp(masses);
        return masses;
    }

    /// <summary>A logit that is surely less than what lies so far from the largest.</summary>
    private readonly float Below(double distance) => (float)(_max + distance - 0.01 - 1e-6 * Math.Abs(_max));

    private readonly Span<double> Distances()
    {
        Span<double> distances = _buffers.ReserveKeys(Count);
        for (int i = 0; i < distances.Length; i++)
            distances[i] = _max - _buffers.Logits[i];
        return distances;
    }

    private readonly double Entropy(ReadOnlySpan<double> masses, double total)
    {
        ReadOnlySpan<float> logits = Logits;
        double sum = 0;
        for (int i = 0; i < masses.Length; i++)
            sum += masses[i] > 0 ? masses[i] * (logits[i] - _max) : 0;
        return FixedMath.Log(total) - sum / total;
    }

    private static int Fewest(ReadOnlySpan<double> masses, double target)
    {
        for (int i = 0; i < masses.Length; i++)
        {
            target -= masses[i];
            if (target <= 0)
                return i + 1;
        }
        return masses.Length;
    }

    /// <summary>
    /// Keeps as few as sum to a mass, those of the least keys. Masses are summed by bins of the key first, so that only the bin in which the sum is reached has
    /// to be sorted: to sort a whole vocabulary takes as long as a small model takes for the token.
    /// </summary>
    /// <param name="masses">Of the candidates, which are in the buffers; changed.</param>
    /// <param name="keys">0 or more; changed.</param>
    /// <param name="target">The mass.</param>
    /// <param name="within">All candidates of keys below this are there.</param>
    /// <param name="byLogit">Whether the keys say how far a logit is from the largest. Near logits have the same key then, and sort by themselves.</param>
    /// <returns>Whether the mass was reached; if not, nothing has changed.</returns>
    private bool KeepFewest(Span<double> masses, Span<double> keys, double target, float within, bool byLogit)
    {
        double[] bins = _buffers.BinMasses;
        bins.AsSpan().Clear();
        for (int i = 0; i < Count; i++)
            bins[Bin(keys[i])] += masses[i];
        int last = 0, end = (int)Math.Min(within * CandidateBuffers.BinsOfNat, bins.Length);
        while (last < end && last < bins.Length - 1 && target > bins[last])
            target -= bins[last++];
        if (last == end)
            return false;

        int kept = 0, rest = 0;
        Span<ulong> packed = MemoryMarshal.Cast<double, ulong>(masses);
        for (int i = 0; i < Count; i++)
        {
            int bin = Bin(keys[i]);
            if (bin == last)
                (keys[rest], packed[rest++]) = (keys[i], LargestLogits.Key(_buffers.Logits[i], _buffers.Tokens[i]));
            else if (bin < last)
                Move(i, kept++);
        }
        packed = packed[..rest];
        if (byLogit)
            packed.Sort();
        else
            keys[..rest].Sort(packed);
        foreach (ulong each in packed)
        {
            float logit = LargestLogits.Logit(each);
            (_buffers.Logits[kept], _buffers.Tokens[kept++]) = (logit, LargestLogits.Token(each));
            target -= FixedMath.Exp((double)logit - _max);
            if (target <= 0)
                break;
        }
        (Count, _isSorted) = (kept, false);
        return true;
    }

    private static int Bin(double key) => (int)Math.Min(key * CandidateBuffers.BinsOfNat, CandidateBuffers.Bins - 1);

    /// <summary>Keeps those of a logit that is not less.</summary>
    private void Keep(float least)
    {
        ReadOnlySpan<float> logits = Logits;
        int kept = 0, i = 0, width = Vector<float>.Count;
        Vector<float> border = new(least);
        for (; i + 4 * width <= logits.Length; i += 4 * width)
        {
            ReadOnlySpan<float> some = logits.Slice(i, 4 * width);
            Vector<float> largest = Vector.Max(
                Vector.Max(new Vector<float>(some), new Vector<float>(some[width..])),
                Vector.Max(new Vector<float>(some[(2 * width)..]), new Vector<float>(some[(3 * width)..])));
            if (Vector.GreaterThanOrEqualAny(largest, border))
                kept = Keep(some, i, least, kept);
        }
        kept = Keep(logits[i..], i, least, kept);
        (Count, _isWhole) = (kept, false);
    }

    private void KeepLargest(int k)
    {
        ReadOnlySpan<ulong> largest = _buffers.Largest.Find(Logits, Tokens, k);
        for (int i = 0; i < largest.Length; i++)
            (_buffers.Logits[i], _buffers.Tokens[i]) = (LargestLogits.Logit(largest[i]), LargestLogits.Token(largest[i]));
        (Count, _isWhole, _isSorted) = (largest.Length, false, true);
    }

    // Without a branch: of many candidates nobody knows the next. A place that is not kept is written again.
    private readonly int Keep(ReadOnlySpan<float> logits, int first, float least, int kept)
    {
        Span<float> toLogits = _buffers.Logits;
        Span<int> toTokens = _buffers.Tokens;
        for (int i = 0; i < logits.Length; i++)
        {
            float logit = logits[i];
            toTokens[kept] = _isWhole ? first + i : toTokens[first + i];
            toLogits[kept] = logit;
            kept += logit >= least ? 1 : 0;
        }
        return kept;
    }

    private readonly void Move(int from, int to) => (_buffers.Logits[to], _buffers.Tokens[to]) = (Logits[from], Token(from));
}
