using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Panels;
using MeKi.Kernels.Tests.Panels;

namespace MeKi.Kernels.Tests;

/// <summary>The 8-bit activations against their definition, bit for bit and place for place.</summary>
public unsafe class QuantizedActivationsTests
{
    private const int Width = QuantizedActivations.BlockColumns;

    private static readonly Arbitrary<(int Tokens, int Blocks, int Seed)> Samples =
        (from tokens in Gen.Choose(1, 9)
         from blocks in Gen.Choose(1, 12)
         from seed in Gen.Choose(0, int.MaxValue)
         select (tokens, blocks, seed)).ToArbitrary();

    [Fact]
    public void Codes_scales_and_sums_are_those_of_a_plain_loop()
    {
        // One object for all samples, as a region's is: what the one before left must not show.
        QuantizedActivations quantized = new();
        Prop.ForAll(Samples, sample =>
        {
            (int tokens, int blocks, int seed) = sample;
            Random random = new(seed);
            ActivationMatrix x = new(blocks * Width);
            x.Reserve(tokens);
            for (int row = 0; row < tokens; row++)
                PanelBytes.FillToken(x.Row(row), random);
            quantized.Reserve(tokens, x.Columns);
            Assert.Equal((tokens == 1 ? 1 : 4, (tokens + 3) / 4), (quantized.Interleave, quantized.Groups));
            for (int group = 0; group < quantized.Groups; group++)
                quantized.Quantize(x, group);
            int padded = quantized.Groups * quantized.Interleave;
            for (int token = 0; token < padded; token++)
            {
                for (int block = 0; block < blocks; block++)
                    AssertBlock(quantized, token, block, token < tokens ? x.Row(token).Slice(block * Width, Width) : new float[Width]);
            }
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(1e-30f, 127)]
    [InlineData(9.999999e-31f, 0)]
    [InlineData(float.MaxValue, 127)]
    [InlineData(-float.MaxValue, -127)]
    [InlineData(-5f, -127)]
    public void The_largest_magnitude_is_127_unless_it_counts_as_zero(float largest, int code)
    {
        foreach (int tokens in new[] { 1, 4 })
        {
            QuantizedGroup group = Quantized([largest, largest / 254, 0, .. new float[29]], tokens).Group(0);
            for (int token = 0; token < tokens; token++)
            {
                Assert.Equal(code, group.Codes[4 * token]);
                Assert.Equal(code == 0 ? 0 : MathF.Abs(largest) / 127, group.Scales[token]);
            }
        }
    }

    [Fact]
    public void Halfway_between_two_codes_the_even_one_is_taken()
    {
        // 127 makes the scale 1 exactly.
        QuantizedActivations quantized = Quantized([127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, .. new float[25]]);
        Assert.Equal([127, 0, 2, 2, 0, -2, -2, 0], new ReadOnlySpan<sbyte>(quantized.Group(0).Codes, 8).ToArray());
        Assert.Equal(127 + 4 - 4, *quantized.Group(0).Sums);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void What_is_not_finite_spoils_its_block_wherever_it_stands_and_no_other(float value)
    {
        for (int at = 0; at < Width; at++)
        {
            float[] x = new float[2 * Width];
            Array.Fill(x, 2);
            x[at] = value;
            foreach (int tokens in new[] { 1, 4 })
            {
                QuantizedGroup group = Quantized(x, tokens).Group(0);
                for (int token = 0; token < tokens; token++)
                {
                    Assert.True(float.IsNaN(group.Scales[token]) && float.IsNaN(group.ScaledSums[token]), $"at {at}");
                    Assert.Equal((2f / 127, 32 * 127), (group.Scales[tokens + token], group.Sums[tokens + token]));
                }
            }
        }
    }

    private static QuantizedActivations Quantized(float[] token, int tokens = 1)
    {
        ActivationMatrix x = new(token.Length);
        x.Reserve(tokens);
        for (int row = 0; row < tokens; row++)
            token.CopyTo(x.Row(row));
        QuantizedActivations quantized = new();
        quantized.Reserve(tokens, token.Length);
        quantized.Quantize(x, 0);
        return quantized;
    }

    private static void AssertBlock(QuantizedActivations quantized, int token, int block, ReadOnlySpan<float> x)
    {
        int stride = quantized.Interleave, lane = token % stride;
        QuantizedGroup group = quantized.Group(token / stride);
        float max = 0;
        bool finite = true;
        foreach (float value in x)
        {
            max = MathF.Max(max, MathF.Abs(value));
            finite &= float.IsFinite(value);
        }
        string place = $"token {token} block {block}";
        float scale = !finite ? float.NaN : max < 1e-30f ? 0 : max / 127;
        Assert.True(Bits.Same(scale, group.Scales[block * stride + lane]), place);
        if (!finite)
        {
            Assert.True(float.IsNaN(group.ScaledSums[block * stride + lane]), place);
            return;
        }
        float inverse = scale > 0 ? 127 / max : 0;
        // [half][columns 0 and 1, or 2 and 3, of every four]
        int[] halves = [0, 0], pairs = [0, 0, 0, 0];
        for (int i = 0; i < Width; i++)
        {
            int code = (int)MathF.Round(x[i] * inverse, MidpointRounding.ToEven);
            Assert.True(code == group.Codes[((block * Width + i) / 4 * stride + lane) * 4 + i % 4], $"{place} column {i}");
            halves[i / 16] += code;
            pairs[i / 16 * 2 + i % 4 / 2] += code;
        }
        Assert.Equal(halves[0] + halves[1], group.Sums[block * stride + lane]);
        AssertPacked(-8 * (pairs[0] + pairs[2]), -8 * (pairs[1] + pairs[3]), group.CentreCorrections8[block * stride + lane]);
        AssertPacked(-32 * pairs[0], -32 * pairs[1], group.CentreCorrections32[2 * block * stride + lane]);
        AssertPacked(-32 * pairs[2], -32 * pairs[3], group.CentreCorrections32[(2 * block + 1) * stride + lane]);
        Assert.True(Bits.Same(scale * (halves[0] + halves[1]), group.ScaledSums[block * stride + lane]), place);
        QuantizedGroup sameBlock = quantized.Group(token / stride, block);
        Assert.True(sameBlock.Codes == group.Codes + block * Width * stride && sameBlock.Scales == group.Scales + block * stride
            && sameBlock.CentreCorrections8 == group.CentreCorrections8 + block * stride
            && sameBlock.CentreCorrections32 == group.CentreCorrections32 + 2 * block * stride, place);
    }

    private static void AssertPacked(int first, int second, int packed) => Assert.Equal((first, second), ((short)packed, packed >> 16));
}
