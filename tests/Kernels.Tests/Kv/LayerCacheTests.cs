using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels.Kv;

namespace MeKi.Kernels.Tests.Kv;

/// <summary>What is stored comes out again as its format rounds it, each position on its own; pages are shared until they are written to.</summary>
public class LayerCacheTests
{
    private static readonly KvFormat[] Formats = Enum.GetValues<KvFormat>();

    [Fact]
    public void F16_keeps_the_nearest_half_of_every_number_between_two_of_them()
    {
        const int Width = 1024;
        float[] numbers = [.. Enumerable.Range(0, 1 << 16).Select(bits => (float)BitConverter.UInt16BitsToHalf((ushort)bits)).Where(float.IsFinite)
            .SelectMany(half => new[] { half, Next(half, 0x1000), Next(half, 0xFFF), Next(half, 0x1001), Next(half, 1), half * 1.5f + 1e-8f }), 1e-40f, -1e-40f];
        using LayerCache cache = new(new(new(8, Width / 8, KvFormat.F16, KvFormat.F16), layers: 1));
        float[] given = new float[Width], keys = new float[Width], values = new float[Width];
        cache.Reserve(0, (numbers.Length + Width - 1) / Width);
        for (int first = 0; first < numbers.Length; first += Width)
        {
            int count = Math.Min(Width, numbers.Length - first);
            numbers.AsSpan(first, count).CopyTo(given);
            cache.Store(first / Width, given, given);
            cache.Load(first / Width, keys, values);
            for (int i = 0; i < count; i++)
            {
                Half nearest = (Half)Math.Clamp(given[i], -65504, 65504);
                Assert.Equal(nearest, (Half)keys[i]);
                Assert.Equal(nearest, (Half)values[i]);
            }
        }

        static float Next(float x, int steps) => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(x) + steps);
    }

    [Fact]
    public void What_is_stored_comes_out_rounded_and_no_position_disturbs_another() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(50), Prop.ForAll(Layouts(), layout =>
        {
            const int Length = 300;
            Random random = new(layout.HeadDimension);
            float[][] keys = [.. Enumerable.Range(0, Length).Select(_ => Values(layout, random))], values = [.. keys.Select(_ => Values(layout, random))];
            using LayerCache cache = new(new(layout, layers: 1));
            cache.Reserve(0, Length);
            foreach (int position in Enumerable.Range(0, Length).OrderBy(_ => random.Next()))
                cache.Store(position, keys[position], values[position]);
            float[] key = new float[keys[0].Length], value = new float[keys[0].Length];
            for (int position = 0; position < Length; position++)
            {
                cache.Load(position, key, value);
                AssertRounded(layout.Keys, layout.HeadDimension, keys[position], key);
                AssertRounded(layout.Values, layout.HeadDimension, values[position], value);
            }
            int columns = (layout.HeadDimension + 31) / 32 * 32;
            Assert.Equal(2 * 256L * layout.KvHeads * columns / 32 * (BytesOf32(layout.Keys) + BytesOf32(layout.Values)), cache.ByteLength);
        }));

    [Fact]
    public void What_a_format_cannot_hold_saturates()
    {
        using LayerCache cache = new(new(new(1, 32, KvFormat.F16, KvFormat.Q8_0), layers: 1));
        float[] x = new float[32], key = new float[32], value = new float[32];
        (x[0], x[1], x[2]) = (1e6f, float.NegativeInfinity, 1e-9f);
        cache.Reserve(0, 1);
        cache.Store(0, x, x);
        cache.Load(0, key, value);
        Assert.Equal([65504, -65504, 0], key[..3]);
        Assert.All(value, number => Assert.True(float.IsFinite(number)));
        Assert.True(value[1] < -8e6f);
    }

    [Fact]
    public void A_fork_shares_pages_until_one_of_both_writes()
    {
        KvLayout layout = new(2, 32, KvFormat.F32, KvFormat.F32);
        using LayerCache first = new(new(layout, layers: 1));
        Fill(first, 0, 400, seed: 1);
        using LayerCache second = first.Fork(300, new(layout, layers: 1));
        Assert.Equal(2, second.Pages.Count);
        Assert.Same(first.Pages[0], second.Pages[0]);
        Assert.Same(first.Pages[1], second.Pages[1]);
        Assert.All(first.Pages, page => Assert.True(page.IsShared));

        Fill(second, 300, 400, seed: 2);
        Assert.Same(first.Pages[0], second.Pages[0]);
        Assert.NotSame(first.Pages[1], second.Pages[1]);
        Assert.False(first.Pages[1].IsShared);
        AssertHolds(first, 0, 400, seed: 1);
        AssertHolds(second, 0, 300, seed: 1);
        AssertHolds(second, 300, 400, seed: 2);

        // Back into the shared page: the fork keeps what it had.
        Fill(first, 100, 256, seed: 3);
        AssertHolds(second, 0, 300, seed: 1);
        AssertHolds(first, 100, 256, seed: 3);
        first.Dispose();
        Assert.Empty(first.Pages);
        AssertHolds(second, 0, 300, seed: 1);
    }

    [Fact]
    public void Pages_are_added_as_positions_are_reserved()
    {
        KvLayout layout = new(1, 64, KvFormat.Q8_0, KvFormat.F16);
        using LayerCache cache = new(new(layout, layers: 1));
        foreach ((int first, int count, int pages) in new[] { (0, 1, 1), (1, 255, 1), (256, 1, 2), (200, 20, 2), (257, 1000, 5) })
        {
            cache.Reserve(first, count);
            Assert.Equal((pages, pages * layout.PageBytes), (cache.Pages.Count, cache.ByteLength));
        }
    }

    [Fact]
    public void Pages_behind_a_position_go_and_later_ones_stay_where_they_are()
    {
        KvLayout layout = new(2, 32, KvFormat.F32, KvFormat.F32);
        using LayerCache cache = new(new(layout, layers: 1));
        Fill(cache, 0, 700, seed: 1);
        cache.LetGo(255);
        Assert.Equal((0, 3), (cache.FirstPage, cache.Pages.Count));
        cache.LetGo(600);
        Assert.Equal((2, 1, layout.PageBytes), (cache.FirstPage, cache.Pages.Count, cache.ByteLength));
        AssertHolds(cache, 512, 700, seed: 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Reserve(511, 1));
        Fill(cache, 700, 800, seed: 1);
        using LayerCache fork = cache.Fork(720, new(layout, layers: 1));
        Fill(fork, 720, 730, seed: 2);
        AssertHolds(cache, 512, 800, seed: 1);
        AssertHolds(fork, 512, 720, seed: 1);
        AssertHolds(fork, 720, 730, seed: 2);
        cache.Dispose();
        Assert.Equal((0, 0), (cache.FirstPage, cache.Pages.Count));
        Fill(cache, 0, 10, seed: 3);
        AssertHolds(cache, 0, 10, seed: 3);
    }

    [Fact]
    public void An_unknown_format_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new KvLayout(1, 32, (KvFormat)7, KvFormat.F16).BytesPerPosition);

    private static Arbitrary<KvLayout> Layouts() =>
        (from kvHeads in Gen.Choose(1, 3)
         from dimension in Gen.Choose(1, 130)
         from keys in Gen.Elements(Formats)
         from values in Gen.Elements(Formats)
         select new KvLayout(kvHeads, 2 * dimension, keys, values)).ToArbitrary();

    private static float[] Values(KvLayout layout, Random random) =>
        [.. Enumerable.Range(0, layout.KvHeads * layout.HeadDimension).Select(_ => (random.NextSingle() * 2 - 1) * MathF.Pow(2, random.Next(-20, 8)))];

    private static int BytesOf32(KvFormat format) => format switch { KvFormat.F16 => 64, KvFormat.Q8_0 => 34, _ => 128 };

    private static void AssertRounded(KvFormat format, int dimension, float[] stored, float[] loaded)
    {
        for (int i = 0; i < stored.Length; i++)
        {
            // A block's step is its largest magnitude / 127, rounded to half precision (2^−11, at least 2^−25): half a step, and 127 times the step's own
            // error.
            int block = i / dimension * dimension + i % dimension / 32 * 32;
            float largest = stored.Skip(block).Take(Math.Min(32, dimension - i % dimension / 32 * 32)).Max(MathF.Abs);
            double bound = format == KvFormat.Q8_0 ? largest / 254.0 * 1.001 + 127 * Math.Max(largest / 127 / 2048, 1.0 / (1 << 25)) : 0;
            float expected = format == KvFormat.F16 ? (float)(Half)stored[i] : stored[i];
            Assert.True(Math.Abs(expected - loaded[i]) <= bound, $"{format} value {i}: {loaded[i]} for {stored[i]}");
        }
    }

    private static void Fill(LayerCache cache, int first, int end, int seed)
    {
        cache.Reserve(first, end - first);
        for (int position = first; position < end; position++)
            cache.Store(position, Filled(cache.Layout, position + 0.25f * seed), Filled(cache.Layout, -position - 0.25f * seed));
    }

    private static void AssertHolds(LayerCache cache, int first, int end, int seed)
    {
        float[] keys = new float[cache.Layout.KvHeads * cache.Layout.HeadDimension], values = [.. keys];
        for (int position = first; position < end; position++)
        {
            cache.Load(position, keys, values);
            Assert.Equal(Filled(cache.Layout, position + 0.25f * seed), keys);
            Assert.Equal(Filled(cache.Layout, -position - 0.25f * seed), values);
        }
    }

    private static float[] Filled(KvLayout layout, float value) => [.. Enumerable.Repeat(value, layout.KvHeads * layout.HeadDimension)];
}
