using MeKi.Kernels.Kv;
using MeKi.Kernels.Operations;

namespace MeKi.Kernels.Tests.Attending;

/// <summary>What the scores of a case look like.</summary>
public enum Logits
{
    /// <summary>Within a few units of each other.</summary>
    Ordinary,

    /// <summary>Up to ±10,000 and more, exact in float32, and each key at an eighth of the positions.</summary>
    Large,

    /// <summary>All the same: every position has the same key.</summary>
    Equal,

    /// <summary>One position's beyond all others.</summary>
    Dominant,
}

/// <summary>A value of attention's result in float64, and how far float32 arithmetic may be from it.</summary>
internal readonly record struct Expectation(double Value, double Bound);

/// <summary>Shape, formats and contents of one call of attention.</summary>
internal sealed record AttentionCase(
    int KvHeads, int Group, int Dimension, int Past, int Tokens, int Window, KvFormat Keys, KvFormat Values, Logits Logits, int Seed)
{
    private const double Unit = 1.0 / (1 << 24), ExpError = 1.2e-7;

    private const int Block = KvLayout.BlockColumns;

    public int Heads => KvHeads * Group;

    public int Length => Past + Tokens;

    private KvLayout Layout => new(KvHeads, Dimension, Keys, Values);

    public LayerCache Cache()
    {
        Random random = new(Seed);
        LayerCache cache = new(new(Layout, layers: 1));
        cache.Reserve(0, Length);
        // Codes / 128 are exact in every format: the scale of Q8_0 is 1/128 where a block has a code of 127.
        float[][] exact = [.. Enumerable.Range(0, 8).Select(_ => Codes(KvHeads, random).Select(code => code / 128f).ToArray())];
        float[] key = Random(KvHeads * Dimension, random);
        int dominant = random.Next(Length);
        for (int position = 0; position < Length; position++)
        {
            if (Logits == Logits.Large)
                key = exact[random.Next(exact.Length)];
            else if (Logits != Logits.Equal)
                key = Random(KvHeads * Dimension, random);
            if (Logits == Logits.Dominant && position == dominant)
                key = [.. Enumerable.Repeat(30f, KvHeads * Dimension)];
            cache.Store(position, key, Random(KvHeads * Dimension, random));
        }
        return cache;
    }

    public ActivationMatrix Queries()
    {
        Random random = new(Seed + 1);
        ActivationMatrix queries = new(Heads * Dimension);
        queries.Reserve(Tokens);
        for (int token = 0; token < Tokens; token++)
        {
            Span<float> row = queries.Row(token);
            if (Logits == Logits.Large)
                Codes(Heads, random).Select(Unscaled).ToArray().CopyTo(row);
            else
                Random(row.Length, random).CopyTo(row);
            foreach (ref float x in row)
                x = Logits == Logits.Dominant ? MathF.Abs(x) * 50 : x;
        }
        return queries;
    }

    /// <summary>
    /// Attention in float64 over what the kernels multiply, [tokens × heads · dimension]: keys and values as they are stored, and the query times 1 / √D in
    /// float32, in 8-bit blocks where keys are. What remains is how sums, weights and products are rounded; with u = 2^−24, n positions seen and P pages:
    /// <code>
    /// score a chain of C multiply-adds, or of C / 32 whose factor is rounded too: |ŝ − s| ≤ δ = (C or C/32 + 1) u Σ|q k|; 0 for Large, where every partial sum
    /// is a multiple of 1/16 below 2^20
    /// weight exp(s − m) in parts, one for the page and one for each join; the differences add up to m − s, each rounded: ŵ = w (1 + ρ) with |ρ| ≤ r = exp(δ +
    /// u (m − s) + 1.2e-7 P) − 1
    /// softmax    with R = Σ p r, and because weights add up to 1:  |Σ (p̂ − p) v| = |Σ (p̂ − p) (v − y)| ≤ Σ p (r + R) |v − y| / (1 − R)
    /// sums numerator: at most 256 multiply-adds in a page, one product of weight and scale, two roundings a join; denominator: 32 + 8 additions, two a join;
    /// one division
    /// </code>
    /// Weights below e^−87 are zero. Second order is 1 %.
    /// </summary>
    public Expectation[] Expected(LayerCache cache, ActivationMatrix queries)
    {
        float[][] keys = new float[Length][], values = new float[Length][];
        for (int position = 0; position < Length; position++)
        {
            (keys[position], values[position]) = (new float[KvHeads * Dimension], new float[KvHeads * Dimension]);
            cache.Load(position, keys[position], values[position]);
        }
        Expectation[] all = new Expectation[Tokens * Heads * Dimension];
        for (int token = 0; token < Tokens; token++)
        {
            int first = (int)Math.Max(0L, Past + token + 1L - Window), end = Past + token + 1;
            for (int head = 0; head < Heads; head++)
            {
                double[] query = Prepared(queries.Row(token).Slice(head * Dimension, Dimension));
                Span<Expectation> to = all.AsSpan((token * Heads + head) * Dimension, Dimension);
                Attend(query, keys.AsSpan(first..end), values.AsSpan(first..end), head / Group * Dimension, to);
            }
        }
        return all;
    }

    private void Attend(double[] query, ReadOnlySpan<float[]> keys, ReadOnlySpan<float[]> values, int at, Span<Expectation> to)
    {
        int n = keys.Length, columns = Layout.Columns, pages = n / KvPage.Positions + 2;
        double[] p = new double[n], errors = new double[n];
        for (int i = 0; i < n; i++)
        {
            double magnitude = 0;
            for (int c = 0; c < query.Length; c++)
            {
                double product = query[c] * keys[i][at + c];
                p[i] += product;
                magnitude += Math.Abs(product);
            }
            errors[i] = Logits == Logits.Large ? 0 : (Keys == KvFormat.Q8_0 ? columns / Block + 1 : columns) * Unit * magnitude;
        }
        double most = p.Max(), sum = 0, error = 0;
        for (int i = 0; i < n; i++)
        {
            errors[i] = Math.Exp(errors[i] + Unit * (most - p[i]) + ExpError * pages) - 1;
            sum += p[i] = Math.Exp(p[i] - most);
        }
        for (int i = 0; i < n; i++)
            error += (p[i] /= sum) * errors[i];

        double[] results = new double[Dimension], bounds = new double[Dimension];
        for (int i = 0; i < n; i++)
        {
            for (int c = 0; c < Dimension; c++)
                results[c] += p[i] * values[i][at + c];
        }
        double roundings = (Math.Min(n, KvPage.Positions) + 1 + 40 + 4 * pages + 1) * Unit;
        for (int i = 0; i < n; i++)
        {
            for (int c = 0; c < Dimension; c++)
            {
                double value = values[i][at + c];
                bounds[c] += p[i] * ((errors[i] + error) * Math.Abs(value - results[c]) + roundings * (1 + errors[i]) * Math.Abs(value)) + 2e-38;
            }
        }
        for (int c = 0; c < Dimension; c++)
            to[c] = new(results[c], 1.01 * bounds[c] / (1 - error));
    }

    private double[] Prepared(ReadOnlySpan<float> query)
    {
        float scale = 1 / MathF.Sqrt(Dimension);
        double[] prepared = new double[Dimension];
        for (int first = 0; first < Dimension; first += Block)
        {
            float[] x = query[first..Math.Min(first + Block, Dimension)].ToArray();
            float largest = 0;
            foreach (ref float value in x.AsSpan())
            {
                value *= scale;
                largest = MathF.Max(largest, MathF.Abs(value));
            }
            for (int i = 0; i < x.Length; i++)
                prepared[first + i] = Keys == KvFormat.Q8_0 ? (double)(largest / 127) * MathF.Round(x[i] * (127 / largest)) : x[i];
        }
        return prepared;
    }

    // 24 times a code, or the next smaller code that some float times 1 / √D rounds to: with factors 1/128, sums of 256 products are multiples of 3/16 below
    // 2^20. For 3 · 127 there is one at every dimension, so that the scale of 8-bit blocks, 24, is exact too.
    private float Unscaled(int code)
    {
        float scale = 1 / MathF.Sqrt(Dimension);
        for (; ; code -= Math.Sign(code))
        {
            float near = 24 * code / scale;
            foreach (float x in new[] { near, MathF.BitIncrement(near), MathF.BitDecrement(near), MathF.BitIncrement(MathF.BitIncrement(near)),
                MathF.BitDecrement(MathF.BitDecrement(near)) })
            {
                if (x * scale == 24 * code)
                    return x;
            }
        }
    }

    // From −127 to 127, every block's first ±127.
    private int[] Codes(int heads, Random random) =>
        [.. Enumerable.Range(0, heads * Dimension).Select(i => i % Dimension % Block == 0 ? 254 * random.Next(2) - 127 : random.Next(-127, 128))];

    private static float[] Random(int length, Random random) => [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() * 2 - 1)];
}
