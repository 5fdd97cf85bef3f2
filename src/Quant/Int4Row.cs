using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Expert rows in four bits with one half-precision scale for 32 values: <c>value = scale · (q − 8)</c>.
/// <code>
/// block b, 16 bytes:  byte i: q[32b + i] in the low four bits, q[32b + 16 + i] in the high four
/// </code>
/// The layout of <see cref="Q4_0"/> with the scales apart, so that codes are aligned. A row is whole blocks; q is 8 beyond its end.
/// The scale is the one of least squared error among sixteen candidates that put the value of largest magnitude 6.0, 6.2, … 9.0 steps to the negative side,
/// which has one code more. On the demo model's rows that leaves 0.67 % of the squares, a scale of extreme / −8 as in Q4_0 0.75 %, max / 7 0.96 %; candidates
/// to the positive side too gain nothing.
/// </summary>
internal static class Int4Row
{
    /// <summary>Values under one scale.</summary>
    public const int BlockValues = 32;

    /// <summary>Bytes of a block's codes.</summary>
    public const int BlockBytes = BlockValues / 2;

    /// <summary>
    /// The largest extreme whose scale is finite: a candidate's step is at most its sixth, and no value is more than 1.5 steps per unit of its code.
    /// </summary>
    public const float MaxMagnitude = 4 * F16.MaxValue;

    private const int Middle = 8, Candidates = 16;
    private const float FewestSteps = 6, StepsApart = 0.2f;

    public static int Blocks(int dimension) => checked(dimension + BlockValues - 1) / BlockValues;

    public static void Encode(ReadOnlySpan<float> row, Span<byte> codes, Span<Half> scales)
    {
        Span<float> block = stackalloc float[BlockValues];
        Span<byte> nibbles = stackalloc byte[BlockValues];
        for (int b = 0; b < scales.Length; b++)
        {
            ReadOnlySpan<float> values = row[(b * BlockValues)..Math.Min((b + 1) * BlockValues, row.Length)];
            block.Clear();
            values.CopyTo(block);
            Half scale = FindScale(block);
            float inverse = scale == Half.Zero ? 0 : 1 / (float)scale;
            for (int i = 0; i < BlockValues; i++)
                nibbles[i] = (byte)(Code(block[i], inverse) + Middle);
            scales[b] = scale;
            Nibbles.Pack(nibbles, codes.Slice(b * BlockBytes, BlockBytes));
        }
    }

    public static void Decode(ReadOnlySpan<byte> codes, ReadOnlySpan<Half> scales, Span<float> row)
    {
        for (int i = 0; i < row.Length; i++)
        {
            int both = codes[i / BlockValues * BlockBytes + i % BlockBytes];
            row[i] = (float)scales[i / BlockValues] * ((i % BlockValues < BlockBytes ? both & 15 : both >> 4) - Middle);
        }
    }

    // For given codes the best scale is Σ x·q / Σ q², and the error what Σ x² has beyond (Σ x·q)² / Σ q².
    private static Half FindScale(ReadOnlySpan<float> block)
    {
        float extreme = BlockExtremes.Extreme(block), scale = 0, gain = 0;
        if (extreme == 0)
            return Half.Zero;
        for (int candidate = 0; candidate < Candidates; candidate++)
        {
            Vector256<float> inverse = Vector256.Create(-(FewestSteps + candidate * StepsApart) / extreme), xq = default, qq = default;
            for (int i = 0; i < BlockValues; i += 8)
            {
                Vector256<float> x = Vector256.Create(block.Slice(i, 8)), q = RoundedCodes.Limit(Vector256.Round(x * inverse), -Middle, Middle - 1);
                xq += x * q;
                qq += q * q;
            }
            (float xqs, float qqs) = (Total(xq), Total(qq));
            if (xqs * xqs / qqs > gain)
                (scale, gain) = (xqs / qqs, xqs * xqs / qqs);
        }
        return (Half)scale;
    }

    // In a stated order, so that a file's bytes do not depend on the machine.
    private static float Total(Vector256<float> lanes)
    {
        Vector128<float> four = lanes.GetLower() + lanes.GetUpper();
        return four[0] + four[1] + four[2] + four[3];
    }

    private static int Code(float value, float inverse) => (int)Math.Clamp(MathF.Round(value * inverse), -Middle, Middle - 1);
}
