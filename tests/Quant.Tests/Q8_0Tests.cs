using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;

namespace MeKi.Quant.Tests;

/// <summary>Q8_0 against the definition of its block, written out.</summary>
public class Q8_0Tests
{
    private static readonly Arbitrary<float[]> Blocks =
        Gen.Choose(1, 5).SelectMany(blocks => Gen.Choose(-1_000_000, 1_000_000).Select(value => value * 1e-5f).ArrayOf(32 * blocks)).ToArbitrary();

    [Fact]
    public void Encoding_is_the_reference_and_the_error_is_at_most_half_a_step() => Prop.ForAll(Blocks, values =>
    {
        byte[] encoded = new byte[values.Length / 32 * 34];
        Q8_0.Encode(values, encoded);
        float[] decoded = new float[values.Length];
        Q8_0.Decode(encoded, decoded);
        for (int block = 0; block < values.Length / 32; block++)
        {
            float max = values.AsSpan(32 * block, 32).ToArray().Max(Math.Abs);
            float scale = max / 127;
            Assert.Equal((Half)scale, MemoryMarshal.Read<Half>(encoded.AsSpan(34 * block)));
            for (int i = 0; i < 32; i++)
            {
                float value = values[32 * block + i];
                sbyte q = (sbyte)encoded[34 * block + 2 + i];
                Assert.Equal(scale == 0 ? 0 : (sbyte)MathF.Round(value * (1 / scale), MidpointRounding.AwayFromZero), q);
                Assert.Equal((float)(Half)scale * q, decoded[32 * block + i]);
                // Half a step, plus the rounding of the scale to half precision (2^-11, subnormal 2^-25) times 127 steps.
                Assert.True(Math.Abs(value - decoded[32 * block + i]) <= scale / 2 + 127 * Math.Max(scale / 2048, 1 / 33_554_432f) + 1e-6f * max);
            }
        }
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(0x0000)] // zero
    [InlineData(0x0001)] // the smallest subnormal
    [InlineData(0x8001)] // negative
    [InlineData(0x7BFF)] // 65504
    [InlineData(0xFBFF)] // -65504
    [InlineData(0x7C00)] // infinity
    [InlineData(0x7E00)] // NaN
    public void Every_scale_multiplies_every_code(int scaleBits)
    {
        Half scale = BitConverter.UInt16BitsToHalf((ushort)scaleBits);
        byte[] blocks = new byte[8 * 34];
        for (int block = 0; block < 8; block++)
        {
            MemoryMarshal.Write(blocks.AsSpan(34 * block), scale);
            for (int i = 0; i < 32; i++)
                blocks[34 * block + 2 + i] = (byte)(32 * block + i);
        }
        float[] values = new float[256];
        Q8_0.Decode(blocks, values);
        for (int code = 0; code < 256; code++)
            Assert.Equal((float)scale * (sbyte)code, values[code]);
    }
}
