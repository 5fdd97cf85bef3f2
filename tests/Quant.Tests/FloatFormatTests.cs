namespace MeKi.Quant.Tests;

/// <summary>F16 and BF16 over all 65,536 codes; F32 as the bytes it is.</summary>
public class FloatFormatTests
{
    private static readonly byte[] AllCodes = [.. Enumerable.Range(0, 65536).SelectMany(code => BitConverter.GetBytes((ushort)code))];

    [Fact]
    public void Every_half_decodes_to_its_value_and_encodes_to_itself()
    {
        float[] values = new float[65536];
        F16.Decode(AllCodes, values);
        byte[] encoded = new byte[AllCodes.Length];
        F16.Encode(values, encoded);
        for (int code = 0; code < values.Length; code++)
        {
            Half expected = BitConverter.UInt16BitsToHalf((ushort)code);
            Assert.Equal((float)expected, values[code]);
            if (!Half.IsNaN(expected))
                Assert.Equal((ushort)code, BitConverter.ToUInt16(encoded, 2 * code));
        }
    }

    [Fact]
    public void Every_bfloat16_decodes_to_its_value_and_encodes_to_itself()
    {
        float[] values = new float[65536];
        BF16.Decode(AllCodes, values);
        byte[] encoded = new byte[AllCodes.Length];
        BF16.Encode(values, encoded);
        for (int code = 0; code < values.Length; code++)
        {
            Assert.Equal((uint)code << 16, BitConverter.SingleToUInt32Bits(values[code]));
            // A signalling NaN comes back quiet; everything else comes back as it was.
            int expected = float.IsNaN(values[code]) ? code | 0x40 : code;
            Assert.Equal((ushort)expected, BitConverter.ToUInt16(encoded, 2 * code));
        }
    }

    [Theory]
    [InlineData(0x3F80_8000u, 0x3F80)] // halfway, even below
    [InlineData(0x3F81_8000u, 0x3F82)] // halfway, even above
    [InlineData(0x3F80_8001u, 0x3F81)] // just above halfway
    [InlineData(0x7F7F_FFFFu, 0x7F80)] // the largest single rounds to infinity
    public void Bfloat16_rounds_to_nearest_even(uint bits, int expected)
    {
        byte[] encoded = new byte[2];
        BF16.Encode([BitConverter.UInt32BitsToSingle(bits)], encoded);
        Assert.Equal(expected, BitConverter.ToUInt16(encoded));
    }

    [Fact]
    public void Single_precision_is_its_bytes()
    {
        float[] values = [1.5f, -0f, float.Epsilon, float.NaN, float.NegativeInfinity];
        byte[] encoded = new byte[20];
        F32.Encode(values, encoded);
        float[] decoded = new float[5];
        F32.Decode(encoded, decoded);
        Assert.Equal(values.Select(BitConverter.SingleToUInt32Bits), decoded.Select(BitConverter.SingleToUInt32Bits));
    }
}
