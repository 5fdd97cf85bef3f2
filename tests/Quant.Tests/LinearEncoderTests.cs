using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;

namespace MeKi.Quant.Tests;

/// <summary>The encoders that work on vectors against a plain loop over the values: the same bytes.</summary>
public class LinearEncoderTests
{
    // Few different values, so that extremes tie in magnitude and in value, zeros have both signs, and products fall half way between codes.
    private static readonly Gen<float> Awkward = Gen.Elements(0f, -0f, 1f, -1f, 0.5f, -0.5f, 7.5f, -7.5f, 63.5f, -127f, 127f, 0.49999997f, float.Epsilon,
        1e-40f, -1e-39f);

    private static readonly Arbitrary<float[]> Blocks = Gen.OneOf(
        Awkward.ArrayOf(32),
        Gen.Elements(0f, -0f).ArrayOf(32),
        Gen.Elements(0f, -0f, 1f).ArrayOf(32),
        Gen.Choose(-1_000_000, 1_000_000).Select(value => value * 1e-7f).ArrayOf(32)).ToArbitrary();

    public static TheoryData<GgmlType> Types => [GgmlType.Q8_0, GgmlType.Q4_0, GgmlType.Q4_1, GgmlType.Q5_0, GgmlType.Q5_1];

    [Theory]
    [MemberData(nameof(Types))]
    public void Bytes_are_those_of_the_loop(GgmlType type) => Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(Blocks, values =>
    {
        BlockFormat format = BlockFormat.Of(type);
        byte[] encoded = new byte[format.BlockBytes];
        format.Encode(values, encoded);
        Assert.Equal(Convert.ToHexString(Loop(type, values)), Convert.ToHexString(encoded));
    }));

    private static byte[] Loop(GgmlType type, float[] values) => type switch
    {
        GgmlType.Q8_0 => Signed(values),
        GgmlType.Q4_0 => AroundZero(values, 8, 18),
        GgmlType.Q5_0 => AroundZero(values, 16, 22),
        GgmlType.Q4_1 => FromMinimum(values, 15, 20),
        _ => FromMinimum(values, 31, 24),
    };

    private static byte[] Signed(float[] values)
    {
        byte[] block = new byte[34];
        float scale = values.Max(Math.Abs) / 127, inverse = scale != 0 ? 1 / scale : 0;
        MemoryMarshal.Write(block, (Half)scale);
        for (int i = 0; i < 32; i++)
            block[2 + i] = (byte)Math.Clamp((int)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero), -127, 127);
        return block;
    }

    private static byte[] AroundZero(float[] values, int middle, int bytes)
    {
        float extreme = 0;
        foreach (float value in values)
            extreme = Math.Abs(value) > Math.Abs(extreme) ? value : extreme;
        float scale = extreme / -middle, inverse = scale != 0 ? 1 / scale : 0;
        byte[] block = new byte[bytes];
        MemoryMarshal.Write(block, (Half)scale);
        for (int i = 0; i < 32; i++)
            Put(block, i, Math.Clamp((int)(values[i] * inverse + (middle + 0.5f)), 0, 2 * middle - 1));
        return block;
    }

    private static byte[] FromMinimum(float[] values, int maxCode, int bytes)
    {
        (float low, float high) = (values[0], values[0]);
        foreach (float value in values)
            (low, high) = (value < low ? value : low, value > high ? value : high);
        float scale = (high - low) / maxCode, inverse = scale != 0 ? 1 / scale : 0;
        byte[] block = new byte[bytes];
        MemoryMarshal.Write(block, (Half)scale);
        MemoryMarshal.Write(block.AsSpan(2), (Half)low);
        for (int i = 0; i < 32; i++)
            Put(block, i, Math.Clamp((int)((values[i] - low) * inverse + 0.5f), 0, maxCode));
        return block;
    }

    // The last 16 bytes hold the low halves; four bytes of fifth bits stand before them where there are any.
    private static void Put(byte[] block, int i, int code)
    {
        block[block.Length - 16 + i % 16] |= (byte)((code & 15) << (i / 16 * 4));
        if (code > 15)
            block[block.Length - 20 + i / 8] |= (byte)(1 << (i % 8));
    }
}
