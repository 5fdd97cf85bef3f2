using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels.KeyValues;

namespace MeKi.Kernels.Tests;

/// <summary>Attention against a float64 softmax over all positions, with page borders inside.</summary>
public class AttentionTests
{
    private static readonly Arbitrary<(int KvHeads, int Group, int Eighths, int Past, int Tokens)> Shapes =
        (from kvHeads in Gen.Choose(1, 3)
         from queryGroup in Gen.Choose(1, 3)
         from eighths in Gen.Choose(1, 3)
         from past in Gen.Elements(0, 1, 250, 255, 256, 300, 520)
         from tokens in Gen.Choose(1, 9)
         select (kvHeads, queryGroup, eighths, past, tokens)).ToArbitrary();

    [Fact]
    public void Any_shape_equals_attention_in_float64() => Prop.ForAll(Shapes, sample =>
        {
            (int kvHeads, int group, int eighths, int past, int tokens) = sample;
            int dimension = 8 * eighths, heads = kvHeads * group;
            Random random = new(past + tokens);
            using ComputePool pool = new(2);
            using KeyValuePages cache = new(new(kvHeads, dimension, KeyValueFormat.F32, KeyValueFormat.F32));
            float[][] keys = [.. Enumerable.Range(0, past + tokens).Select(_ => Values(kvHeads * dimension, random))];
            float[][] values = [.. Enumerable.Range(0, past + tokens).Select(_ => Values(kvHeads * dimension, random))];
            cache.Reserve(0, keys.Length);
            for (int position = 0; position < keys.Length; position++)
                cache.Store(position, keys[position], values[position]);
            ActivationMatrix queries = new(heads * dimension), output = new(heads * dimension);
            queries.Reserve(tokens);
            for (int token = 0; token < tokens; token++)
                Values(heads * dimension, random).CopyTo(queries.Row(token));

            new Attention(pool, heads, kvHeads).Run(queries, tokens, past, cache, output);

            for (int token = 0; token < tokens; token++)
            {
                for (int head = 0; head < heads; head++)
                {
                    double[] expected = Reference(queries.Row(token).Slice(head * dimension, dimension), keys, values, head / group * dimension, past + token + 1);
                    for (int i = 0; i < dimension; i++)
                        Assert.True(Math.Abs(expected[i] - output.Row(token)[head * dimension + i]) < 2e-6, $"token {token} head {head} value {i}");
                }
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Extreme_scores_do_not_overflow()
    {
        using ComputePool pool = new(1);
        using KeyValuePages cache = new(new(1, 8, KeyValueFormat.F32, KeyValueFormat.F32));
        ActivationMatrix queries = new(8), output = new(8);
        queries.Reserve(1);
        queries.Row(0).Fill(1e4f);
        cache.Reserve(0, 10);
        for (int position = 0; position < 10; position++)
            cache.Store(position, [.. Enumerable.Repeat(position == 4 ? 1f : -1f, 8)], [.. Enumerable.Repeat((float)position, 8)]);
        new Attention(pool, 1, 1).Run(queries, 1, 9, cache, output);
        Assert.All(output.Row(0).ToArray(), value => Assert.Equal(4f, value));
    }

    private static double[] Reference(ReadOnlySpan<float> query, float[][] keys, float[][] values, int at, int positions)
    {
        double[] scores = new double[positions];
        for (int position = 0; position < positions; position++)
        {
            for (int i = 0; i < query.Length; i++)
                scores[position] += (double)query[i] * keys[position][at + i] / Math.Sqrt(query.Length);
        }
        double max = scores.Max(), sum = scores.Sum(score => Math.Exp(score - max));
        double[] result = new double[query.Length];
        for (int position = 0; position < positions; position++)
        {
            for (int i = 0; i < result.Length; i++)
                result[i] += Math.Exp(scores[position] - max) / sum * values[position][at + i];
        }
        return result;
    }

    private static float[] Values(int length, Random random) => [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() * 2 - 1)];
}
