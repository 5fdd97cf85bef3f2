using FsCheck;
using FsCheck.Fluent;

namespace MeKi.Quant.Tests;

/// <summary>What encoding and decoding loses, for every format of the table, and what becomes of extreme values.</summary>
public class EncodingErrorTests
{
    // Fifteen binary orders of magnitude in steps of one, values of both signs, some of them zero.
    private static readonly Gen<float[]> Values =
        from exponent in Gen.Choose(-10, 5)
        from values in Gen.Frequency((9, Gen.Choose(-1_000_000, 1_000_000)), (1, Gen.Constant(0))).ArrayOf(512)
        select values.Select(value => value * 1e-6f * MathF.Pow(2, exponent)).ToArray();

    public static TheoryData<GgmlType> All => BlockFormatTests.All;

    [Theory]
    [MemberData(nameof(All))]
    public void No_value_is_further_off_than_the_format_allows(GgmlType type) => Prop.ForAll(Values.ToArbitrary(), values =>
    {
        BlockFormat format = BlockFormat.Of(type);
        float[] decoded = RoundTrip(format, values);
        for (int first = 0; first < values.Length; first += format.BlockSize)
        {
            float magnitude = values.AsSpan(first, format.BlockSize).ToArray().Max(Math.Abs);
            for (int i = first; i < first + format.BlockSize; i++)
                AssertWithin(LargestError(type) * magnitude, values[i], decoded[i], type);
        }
    }).QuickCheckThrowOnFailure();

    [Theory]
    [MemberData(nameof(All))]
    public void Zeros_stay_zeros(GgmlType type) => Assert.All(RoundTrip(BlockFormat.Of(type), new float[512]), value => Assert.Equal(0, value));

    [Theory]
    [MemberData(nameof(All))]
    public void A_constant_block_and_a_single_value_among_zeros_keep_their_size(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        foreach (float value in new[] { 1f, -1f, 0.02f, -0.02f, 1000f, -1000f, 65504f, -65504f })
        {
            float[] constant = new float[256], single = new float[256];
            constant.AsSpan().Fill(value);
            single[77] = value;
            Assert.All(RoundTrip(format, constant), decoded => AssertWithin(LargestError(type) * Math.Abs(value), value, decoded, type));
            float[] decodedSingle = RoundTrip(format, single);
            for (int i = 0; i < single.Length; i++)
                AssertWithin(LargestError(type) * Math.Abs(value), single[i], decodedSingle[i], type);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_largest_magnitude_stays_finite_in_any_company(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        float max = format.MaxMagnitude;
        Random random = new(5);
        for (int repeat = 0; repeat < 100; repeat++)
        {
            float[] values = new float[256];
            for (int i = 0; i < values.Length; i++)
                values[i] = random.Next(4) switch { 0 => max, 1 => -max, 2 => 0, _ => (random.NextSingle() * 2 - 1) * max };
            float[] decoded = RoundTrip(format, values);
            for (int i = 0; i < values.Length; i++)
                AssertWithin(LargestError(type) * max, values[i], decoded[i], type);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Values_too_small_for_a_scale_in_half_precision_become_as_small(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        Random random = new(6);
        foreach (float size in new[] { float.Epsilon, 1e-42f, 1e-38f, 1e-30f, 1e-16f, 1e-9f, 1e-7f })
        {
            float[] values = new float[256];
            for (int i = 0; i < values.Length; i++)
                values[i] = (random.NextSingle() * 2 - 1) * size;
            float[] decoded = RoundTrip(format, values);
            for (int i = 0; i < values.Length; i++)
                AssertWithin(LargestError(type) * size, values[i], decoded[i], type);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_value_that_is_not_finite_spoils_its_own_block_only(GgmlType type)
    {
        BlockFormat format = BlockFormat.Of(type);
        Random random = new(8);
        float[] values = new float[19 * format.BlockSize];
        for (int i = 0; i < values.Length; i++)
            values[i] = random.NextSingle() - 0.5f;
        byte[] sound = new byte[format.RowBytes(values.Length)], spoilt = new byte[sound.Length], again = new byte[sound.Length];
        format.Encode(values, sound);
        foreach (float value in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.MinValue })
        {
            const int Block = 10;
            float[] damaged = [.. values];
            damaged[Block * format.BlockSize + format.BlockSize / 2] = value;
            format.Encode(damaged, spoilt);
            format.Encode(damaged, again);
            Assert.Equal(spoilt, again);
            spoilt.AsSpan(Block * format.BlockBytes, format.BlockBytes).CopyTo(again);
            sound.AsSpan(Block * format.BlockBytes, format.BlockBytes).CopyTo(spoilt.AsSpan(Block * format.BlockBytes));
            Assert.Equal(sound, spoilt);
            if (format.BlockSize == 1 && !float.IsFinite(value))
                Assert.Equal(value, BlockDefinitions.Value(type, again, 0));
        }
    }

    /// <summary>
    /// The largest error as a part of the largest magnitude of the block. Around zero it is a whole step, that of a value opposite the extreme, where the last
    /// code is missing; from a minimum up half a step of the range, at most twice the magnitude, and what half precision takes from the range and the minimum,
    /// 2^-11 of each; the searched formats give up single values for the sum.
    /// </summary>
    private static float LargestError(GgmlType type) => type switch
    {
        GgmlType.F32 => 0,
        GgmlType.F16 => 1 / 2048f,
        GgmlType.BF16 => 1 / 256f,
        GgmlType.Q8_0 => 0.5f / 127 + 1 / 2048f,
        GgmlType.Q4_0 => 1 / 8f + 1 / 1024f,
        GgmlType.Q4_1 => 1 / 15f + 3 / 2048f,
        GgmlType.Q5_0 => 1 / 16f + 1 / 1024f,
        GgmlType.Q5_1 => 1 / 31f + 3 / 2048f,
        GgmlType.IQ4_NL => 0.22f,
        GgmlType.Q2_K => 0.5f,
        GgmlType.Q3_K => 0.3f,
        GgmlType.Q4_K => 0.2f,
        GgmlType.Q5_K => 0.1f,
        GgmlType.Q6_K => 0.06f,
        _ => throw new ArgumentException($"{type} has no bound here: derive one.", nameof(type)),
    };

    // A scale in half precision is off by up to 2^-25 where it is subnormal, times a code of up to 127, or 32 · 128 in Q6_K; doubled where there is a minimum
    // too.
    private static void AssertWithin(float bound, float value, float decoded, GgmlType type)
    {
        float floor = type switch
        {
            GgmlType.F32 or GgmlType.BF16 => float.Epsilon * 65536,
            GgmlType.Q6_K => 32 * 128 / 33_554_432f,
            GgmlType.Q4_K or GgmlType.Q5_K => 63 * 32 / 16_777_216f,
            _ => 128 / 16_777_216f,
        };
        if (!(Math.Abs((double)value - decoded) <= bound + floor))
            Assert.Fail($"{type}: {value:R} becomes {decoded:R}, further off than {bound:R}");
    }

    private static float[] RoundTrip(BlockFormat format, float[] values)
    {
        byte[] blocks = new byte[format.RowBytes(values.Length)];
        float[] decoded = new float[values.Length];
        format.Encode(values, blocks);
        format.Decode(blocks, decoded);
        return decoded;
    }
}
