using MeKi.Kernels.KeyValues;

namespace MeKi.Kernels.Tests.KeyValues;

/// <summary>What the scores of a case look like.</summary>
public enum Logits
{
    /// <summary>Within a few units of each other.</summary>
    Ordinary,

    /// <summary>Up to ±10,000.</summary>
    Large,

    /// <summary>All the same: every position has the same key.</summary>
    Equal,

    /// <summary>One position's beyond all others.</summary>
    Dominant,

    /// <summary>Queries up to ±8 in whole steps of their 8-bit blocks, which quantising them does not change.</summary>
    Stepped,
}

/// <summary>Shape, formats and contents of one call of attention.</summary>
internal sealed record AttentionCase(
    int KvHeads, int Group, int Dimension, int Past, int Tokens, int Window, KeyValueFormat Keys, KeyValueFormat Values, Logits Logits, int Seed)
{
    private const double Unit = 1.0 / (1 << 24);

    public int Heads => KvHeads * Group;

    public int Length => Past + Tokens;

    private KeyValueLayout Layout => new(KvHeads, Dimension, Keys, Values);

    public KeyValuePages Cache()
    {
        Random random = new(Seed);
        KeyValuePages cache = new(Layout);
        cache.Reserve(0, Length);
        float[] key = Random(KvHeads * Dimension, random);
        int dominant = random.Next(Length);
        for (int position = 0; position < Length; position++)
        {
            if (Logits != Logits.Equal)
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
            Random(row.Length, random).CopyTo(row);
            foreach (ref float x in row)
                x = Logits switch { Logits.Large => x * 10_000, Logits.Dominant => MathF.Abs(x) * 50, Logits.Stepped => MathF.Round(x * 127) / 16, _ => x };
            // Each block's largest is 127 steps.
            for (int i = 0; i < row.Length && Logits == Logits.Stepped; i++)
            {
                if (i % Dimension % 32 == 0)
                    row[i] = 127f / 16;
            }
        }
        return queries;
    }

    /// <summary>Attention in float64 over the keys and values as they are stored, [tokens × heads · dimension].</summary>
    public double[] Expected(KeyValuePages cache, ActivationMatrix queries) => Each(cache, queries, (scores, values, at, result) =>
    {
        double max = scores.Max(), sum = scores.Sum(score => Math.Exp(score - max));
        for (int position = 0; position < scores.Length; position++)
        {
            for (int i = 0; i < Dimension; i++)
                result[i] += Math.Exp(scores[position] - max) / sum * values[position][at + i];
        }
    }, exactQueries: true).Result;

    /// <summary>
    /// How far float32 arithmetic may be from that, for each token and head. With u = 2^−24 and C columns, a score is a chain of C multiply-adds of a query that was rounded twice (1 / √D and
    /// the product), so it errs by δ ≤ (C + 3) u Σ|q k| / √D; a query in 8-bit blocks adds half a step for each column, Σ a/2 |k|, and the blocks' products. A weight
    /// errs relatively by e^δ − 1 twice (its own score and the largest), by u |s − m| ≤ 88 u, and by 2e-7 for exp, here and in each of the P joins of pages. Numerator and denominator are
    /// sums of n weights in chains of at most 256 + 2 P additions. All of it times the largest value.
    /// </summary>
    public double[] Bounds(KeyValuePages cache, ActivationMatrix queries)
    {
        (double[] _, List<(double Products, double QueryError, double LargestValue)> sizes) = Each(cache, queries, (_, _, _, _) => { }, exactQueries: false);
        int columns = (Dimension + 31) / 32 * 32, pages = Length / KeyValuePages.PageLength + 1;
        return [.. sizes.Select(size =>
        {
            double score = (columns + 3) * Unit * (size.Products + size.QueryError) + size.QueryError;
            double weight = Math.Exp(2 * score) * (1 + 88 * Unit + (pages + 1) * 4e-7) - 1;
            return 2 * size.LargestValue * Math.Min(1, weight + (256 + 2 * pages + 8) * Unit);
        })];
    }

    private (double[] Result, List<(double, double, double)> Sizes) Each(
        KeyValuePages cache, ActivationMatrix queries, Action<double[], float[][], int, double[]> attend, bool exactQueries)
    {
        float[][] keys = new float[Length][], values = new float[Length][];
        for (int position = 0; position < Length; position++)
        {
            (keys[position], values[position]) = (new float[KvHeads * Dimension], new float[KvHeads * Dimension]);
            cache.Load(position, keys[position], values[position]);
        }
        double[] all = new double[Tokens * Heads * Dimension];
        List<(double, double, double)> sizes = [];
        for (int token = 0; token < Tokens; token++)
        {
            for (int head = 0; head < Heads; head++)
            {
                int first = (int)Math.Max(0L, Past + token + 1L - Window), end = Past + token + 1, at = head / Group * Dimension;
                float[] query = queries.Row(token).Slice(head * Dimension, Dimension).ToArray();
                double[] result = new double[Dimension];
                attend([.. Enumerable.Range(first, end - first).Select(p => Score(query, keys[p], at))], values[first..end], at, result);
                result.CopyTo(all, (token * Heads + head) * Dimension);
                if (!exactQueries)
                    sizes.Add(Sizes(query, keys[first..end], values[first..end], at));
            }
        }
        return (all, sizes);
    }

    private static double Score(float[] query, float[] keys, int at)
    {
        double score = 0;
        for (int i = 0; i < query.Length; i++)
            score += (double)query[i] * keys[at + i];
        return score / Math.Sqrt(query.Length);
    }

    private (double Products, double QueryError, double LargestValue) Sizes(float[] query, float[][] keys, float[][] values, int at)
    {
        double[] step = new double[Dimension];
        for (int i = 0; i < Dimension && Keys == KeyValueFormat.Q8_0 && Logits != Logits.Stepped; i++)
            step[i] = query.Skip(i / 32 * 32).Take(32).Max(Math.Abs) / 127.0;
        double products = 0, error = 0, largest = 0;
        for (int position = 0; position < keys.Length; position++)
        {
            double product = 0, quantised = 0;
            for (int i = 0; i < Dimension; i++)
            {
                product += Math.Abs((double)query[i] * keys[position][at + i]);
                quantised += step[i] / 2 * 1.001 * Math.Abs(keys[position][at + i]);
                largest = Math.Max(largest, Math.Abs(values[position][at + i]));
            }
            (products, error) = (Math.Max(products, product / Math.Sqrt(Dimension)), Math.Max(error, quantised / Math.Sqrt(Dimension)));
        }
        return (products, error, largest);
    }

    private static float[] Random(int length, Random random) => [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() * 2 - 1)];
}
