using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels.Attending;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Operations;

namespace MeKi.Kernels.Tests.Attending;

/// <summary>
/// Attention in every instruction set against a float64 softmax over all positions, and all sets, cuts and threads against each other, bit for bit.
/// </summary>
public class AttentionTests
{
    // Both sides of a page, of 32 positions that are scored together and of eight lanes.
    private static readonly int[] Pasts = [0, 1, 7, 31, 32, 100, 254, 255, 256, 300, 511, 520];

    private static readonly KvFormat[] Formats = Enum.GetValues<KvFormat>();

    public static TheoryData<string> Names => [.. KernelSet.Available.Select(kernels => kernels.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Any_shape_is_attention_in_float64(string name)
    {
        AttentionKernels kernels = KernelSet.Select(name).Attention;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(60), Prop.ForAll(Cases(maxHeads: 2, maxTokens: 3), sample => AssertNear(sample, kernels)));
    }

    // The depth at which the paper measures. Forty pages are joined one after the other, which is where an error would grow with depth.
    [Theory]
    [MemberData(nameof(Names))]
    public void Ten_thousand_positions_are_attention_in_float64(string name)
    {
        foreach (KvFormat format in new[] { KvFormat.F16, KvFormat.Q8_0 })
        {
            AttentionCase sample = new(1, 1, 32, 10_239, 1, int.MaxValue, format, format, Logits.Ordinary, 4);
            using (LayerCache cache = sample.Cache())
                Assert.All(sample.Expected(cache, sample.Queries()), value => Assert.InRange(value.Bound, 0, 3e-5));
            AssertNear(sample, KernelSet.Select(name).Attention);
        }
    }

    // Tiles of several tokens and of rows that fill no tile; the sets that are emulated instruction by instruction would take minutes.
    [Fact]
    public void Prompts_are_attention_in_float64() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(60),
            Prop.ForAll(Cases(maxHeads: 3, maxTokens: 40), sample => AssertNear(sample, KernelSet.Available[0].Attention)));

    [Theory]
    [MemberData(nameof(Names))]
    public void Any_shape_gives_the_bits_of_the_scalar_kernels(string name)
    {
        AttentionKernels kernels = KernelSet.Select(name).Attention, scalar = KernelSet.Select("Scalar").Attention;
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(30), Prop.ForAll(Cases(maxHeads: 2, maxTokens: 20), sample =>
        {
            using LayerCache cache = sample.Cache();
            Bits.AssertSame(Attend(sample, cache, scalar), Attend(sample, cache, kernels), $"{name}, {sample}");
        }));
    }

    // Keys of codes meet one or two rows in kernels of their own, which the shapes drawn above may miss.
    [Theory]
    [MemberData(nameof(Names))]
    public void One_and_two_rows_over_keys_of_codes_are_attention_in_float64_and_the_bits_of_the_scalar_kernels(string name)
    {
        AttentionKernels kernels = KernelSet.Select(name).Attention, scalar = KernelSet.Select("Scalar").Attention;
        foreach ((int Group, int Tokens, int Dimension, int Past, Logits Logits) shape in
            from rows in new (int Group, int Tokens)[] { (1, 1), (2, 1), (1, 2) }
            from dimension in new[] { 32, 96, 128, 256 }
            from past in Pasts
            select (rows.Group, rows.Tokens, dimension, past, (Logits)(past % 4)))
        {
            AttentionCase sample = new(2, shape.Group, shape.Dimension, shape.Past, shape.Tokens, int.MaxValue, KvFormat.Q8_0, KvFormat.Q8_0, shape.Logits,
                shape.Past);
            AssertNear(sample, kernels);
            using LayerCache cache = sample.Cache();
            Bits.AssertSame(Attend(sample, cache, scalar), Attend(sample, cache, kernels), $"{name}, {sample}");
        }
    }

    [Fact]
    public void Any_number_of_threads_and_any_cut_gives_the_same_bits() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(40), Prop.ForAll(Cases(maxHeads: 3, maxTokens: 40), sample =>
        {
            using LayerCache cache = sample.Cache();
            AttentionKernels kernels = KernelSet.Available[0].Attention;
            float[] whole = Attend(sample, cache, kernels, threads: 1);
            foreach (int threads in new[] { 2, 3, 8 })
                Bits.AssertSame(whole, Attend(sample, cache, kernels, threads), $"{threads} threads, {sample}");
            foreach (int step in new[] { 1, 3, 17 })
                AssertCut(sample, cache, whole, step, threads: 2);
        }));

    /// <summary>
    /// Tiles walk through all pages; tokens that are fewer than a tile hold results of some pages at a time. 40 pages are one region for a token, four for
    /// twelve.
    /// </summary>
    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(7_001)]
    public void Many_pages_give_the_same_bits_in_one_region_or_in_several(int window)
    {
        AttentionCase sample = new(2, 4, 32, Past: 10_220, Tokens: 26, window, KvFormat.F16, KvFormat.Q8_0, Logits.Ordinary, Seed: 5);
        using LayerCache cache = sample.Cache();
        float[] whole = Attend(sample, cache, KernelSet.Available[0].Attention);
        foreach ((int step, int threads) in new[] { (1, 1), (1, 3), (5, 3), (12, 1), (12, 2), (12, 8) })
            AssertCut(sample, cache, whole, step, threads);
        AssertNear(sample with { Past = sample.Past + 14, Tokens = 12 }, KernelSet.Available[0].Attention);
    }

    [Theory]
    [InlineData(KvFormat.F16, 1)]
    [InlineData(KvFormat.Q8_0, 3)]
    public void Sequences_that_attend_in_one_region_have_the_bits_of_each_alone(KvFormat format, int threads)
    {
        // Texts that are generated, guesses, parts of prompts and one that is deep enough for several regions, in any order.
        (int Past, int Tokens)[] lengths = [(300, 1), (0, 1), (511, 4), (37, 60), (255, 2), (9_000, 5), (0, 130)];
        AttentionCase[] samples = [.. lengths.Select((length, i) => new AttentionCase(2, 4, 32, length.Past, length.Tokens, int.MaxValue, format, format,
            Logits.Ordinary, Seed: i))];
        int row = samples[0].Heads * samples[0].Dimension, rows = 0;
        using ComputePool pool = new(threads);
        foreach (KernelSet set in KernelSet.Available.Where(set => !set.Name.StartsWith("Emulated", StringComparison.Ordinal)))
        {
            AttentionKernels kernels = set.Attention;
            Attention attention = new(pool, kernels);
            ActivationMatrix queries = new(row), output = new(row);
            queries.Reserve(lengths.Sum(length => length.Tokens));
            LayerCache[] caches = [.. samples.Select(sample => sample.Cache())];
            rows = 0;
            for (int i = 0; i < samples.Length; rows += samples[i++].Tokens)
            {
                samples[i].Queries().Rows(0, samples[i].Tokens).CopyTo(queries.Rows(rows, samples[i].Tokens));
                attention.Add(queries, rows, samples[i].Tokens, samples[i].Past, caches[i], output);
            }
            attention.Run();
            rows = 0;
            for (int i = 0; i < samples.Length; rows += samples[i++].Tokens)
                Bits.AssertSame(Attend(samples[i], caches[i], kernels), output.Rows(rows, samples[i].Tokens), $"sequence {i}");
            Array.ForEach(caches, cache => cache.Dispose());
        }
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(1, 70)]
    [InlineData(4, 1)]
    [InlineData(12, 4)]
    [InlineData(24, 2)]
    public void What_is_held_does_not_grow_with_depth(int tokens, int queryGroup)
    {
        const int KvHeads = 2, Dimension = 32, TailLength = 8;
        using ComputePool pool = new(2);
        using LayerCache cache = new(new(new(KvHeads, Dimension, KvFormat.Q8_0, KvFormat.Q8_0), layers: 1));
        cache.Reserve(0, 100_000);
        Attention attention = new(pool);
        ActivationMatrix queries = new(KvHeads * queryGroup * Dimension), output = new(KvHeads * queryGroup * Dimension);
        queries.Reserve(tokens);
        attention.Run(queries, 0, tokens, 49_000 - tokens, cache, output);
        long held = attention.PartBytes;
        Assert.InRange(held, 1, KvHeads * 512 * (Dimension + TailLength) * sizeof(float));
        attention.Run(queries, 0, tokens, 100_000 - tokens, cache, output);
        Assert.Equal(held, attention.PartBytes);
    }

    [Theory]
    [InlineData(KvFormat.F16, 4f)]
    [InlineData(KvFormat.Q8_0, 4f)]
    [InlineData(KvFormat.F32, 4f)]
    public void A_score_beyond_all_others_takes_its_value_alone(KvFormat format, float expected)
    {
        foreach (KernelSet set in KernelSet.Available)
        {
            using ComputePool pool = new(1);
            using LayerCache cache = new(new(new(1, 32, format, format), layers: 1));
            ActivationMatrix queries = new(32), output = new(32);
            queries.Reserve(1);
            queries.Row(0).Fill(1e4f);
            cache.Reserve(0, 300);
            for (int position = 0; position < 300; position++)
                cache.Store(position, Filled(position == 4 ? 1 : -1), Filled(position % 64));
            new Attention(pool, set.Attention).Run(queries, 0, 1, 299, cache, output);
            Assert.All(output.Row(0).ToArray(), value => Assert.Equal(expected, value, tolerance: format == KvFormat.Q8_0 ? 4 / 1000f : 0));
        }
    }

    [Fact]
    public void What_lies_before_the_window_is_not_read()
    {
        const int Dimension = 64, Length = 900;
        using ComputePool pool = new(2);
        foreach ((int window, int tokens) in new[] { (1, 1), (33, 1), (256, 1), (300, 5), (100, 40) })
        {
            AttentionCase sample = new(2, 2, Dimension, Length - tokens, tokens, window, KvFormat.F32, KvFormat.F32, Logits.Ordinary, window);
            using LayerCache cache = sample.Cache();
            float[] expected = Attend(sample, cache, KernelSet.Available[0].Attention);
            // NaN in any sum would show; whole pages of it are released memory as far as attention is concerned.
            for (int position = 0; position < Length - tokens + 1 - window; position++)
                cache.Store(position, Enumerable.Repeat(float.NaN, 2 * Dimension).ToArray(), Enumerable.Repeat(float.NaN, 2 * Dimension).ToArray());
            Bits.AssertSame(expected, Attend(sample, cache, KernelSet.Available[0].Attention), $"window {window}");
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => new Attention(pool)
            .Run(new(8), 0, 1, 0, new(new(new(1, 8, KvFormat.F32, KvFormat.F32), layers: 1)), new(8), window: 0));
    }

    [Fact]
    public void No_tokens_are_nothing_to_do()
    {
        using ComputePool pool = new(2);
        using LayerCache cache = new(new(new(1, 32, KvFormat.F16, KvFormat.F16), layers: 1));
        new Attention(pool).Run(new(32), 0, 0, 0, cache, new(32));
    }

    private static Arbitrary<AttentionCase> Cases(int maxHeads, int maxTokens) =>
        (from kvHeads in Gen.Choose(1, maxHeads)
         from queryGroup in Gen.Elements(1, 2, 3, 4, 5, 9)
         from eighths in Gen.Choose(4, 32)
         from past in Gen.Elements(Pasts)
         from tokens in Gen.Choose(1, maxTokens)
         from window in Gen.Elements(int.MaxValue, int.MaxValue, 1, 31, 32, 250, 257)
         from keys in Gen.Elements(Formats)
         from values in Gen.Elements(Formats)
         from logits in Gen.Elements(Enum.GetValues<Logits>())
         from seed in Gen.Choose(0, 1 << 20)
         select new AttentionCase(kvHeads, queryGroup, 8 * eighths, past, tokens, window, keys, values, logits, seed)).ToArbitrary();

    private static void AssertNear(AttentionCase sample, AttentionKernels kernels)
    {
        using LayerCache cache = sample.Cache();
        ActivationMatrix queries = sample.Queries();
        float[] actual = Attend(sample, cache, kernels);
        Expectation[] expected = sample.Expected(cache, queries);
        for (int i = 0; i < actual.Length; i++)
        {
            // Values are up to 1: a bound near that would let pass anything. Typical are 1e-5; products that add up to thousands, Dominant with F32, gave 0.4
            // %.
            Assert.True(expected[i].Bound < 0.02, $"value {i} has a bound of {expected[i].Bound}, {sample}");
            Assert.True(Math.Abs(expected[i].Value - actual[i]) <= expected[i].Bound,
                $"value {i}: {actual[i]} is not within {expected[i].Bound} of {expected[i].Value}, {sample}");
        }
    }

    private static float[] Attend(AttentionCase sample, LayerCache cache, AttentionKernels kernels, int threads = 2)
    {
        using ComputePool pool = new(threads);
        ActivationMatrix output = new(sample.Heads * sample.Dimension);
        new Attention(pool, kernels).Run(sample.Queries(), 0, sample.Tokens, sample.Past, cache, output, window: sample.Window);
        return output.Rows(0, sample.Tokens).ToArray();
    }

    // The same tokens in several calls of one instance.
    private static void AssertCut(AttentionCase sample, LayerCache cache, float[] whole, int step, int threads)
    {
        int row = sample.Heads * sample.Dimension;
        using ComputePool pool = new(threads);
        ActivationMatrix all = sample.Queries(), some = new(row), output = new(row);
        Attention attention = new(pool, KernelSet.Available[0].Attention);
        for (int first = 0; first < sample.Tokens; first += step)
        {
            int count = Math.Min(step, sample.Tokens - first);
            some.Reserve(count);
            all.Rows(first, count).CopyTo(some.Rows(0, count));
            attention.Run(some, 0, count, sample.Past + first, cache, output, window: sample.Window);
            Bits.AssertSame(whole.AsSpan(first * row, count * row), output.Rows(0, count), $"{count} tokens from {first}, {threads} threads, {sample}");
        }
    }

    private static float[] Filled(float value) => [.. Enumerable.Repeat(value, 32)];
}
