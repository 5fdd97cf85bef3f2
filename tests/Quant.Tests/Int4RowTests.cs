using FsCheck;
using FsCheck.Fluent;

namespace MeKi.Quant.Tests;

/// <summary>Expert rows in four bits.</summary>
public class Int4RowTests
{
    private static readonly Arbitrary<float[]> Rows =
        (from length in Gen.Choose(1, 100)
         from magnitude in Gen.Elements(0f, 1e-6f, 1e-3f, 1f, 40f, 60_000f)
         from seed in Gen.Choose(0, int.MaxValue)
         select Row(length, magnitude, seed)).ToArbitrary();

    [Fact]
    public void Every_value_has_the_nearest_code_of_its_scale() => Prop.ForAll(Rows, row =>
    {
        (Half[] scales, _, float[] decoded) = Encode(row);
        for (int i = 0; i < row.Length; i++)
        {
            float scale = (float)scales[i / 32];
            double nearest = Enumerable.Range(-8, 16).Min(code => Math.Abs(row[i] - (double)(code * scale)));
            // The code is found by multiplying with the inverse of the scale: two roundings may choose the other side of a tie.
            Assert.InRange(Math.Abs(row[i] - (double)decoded[i]), 0, nearest + 1e-5 * Math.Abs(scale));
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_searched_scale_leaves_no_more_error_than_the_extreme_on_code_0_does() => Prop.ForAll(Rows, row =>
    {
        (_, _, float[] decoded) = Encode(row);
        for (int first = 0; first < row.Length; first += 32)
        {
            float[] block = row[first..Math.Min(first + 32, row.Length)];
            float scale = block.MaxBy(Math.Abs) / -8;
            double simple = block.Sum(value => scale == 0 ? 0 : Math.Pow(value - scale * Math.Clamp(Math.Round(value / scale), -8, 7), 2));
            double searched = block.Select((value, i) => Math.Pow(value - (double)decoded[first + i], 2)).Sum();
            // Half precision rounds the scale: by 2^-11, or by half of the smallest subnormal, 2^-25, eight times.
            double rounding = block.Sum(value => Math.Pow(Math.Abs(value) / 2048 + 8 * Math.Pow(2, -25), 2));
            Assert.InRange(Math.Sqrt(searched), 0, Math.Sqrt(simple) * 1.0001 + Math.Sqrt(rounding));
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_largest_row_that_is_accepted_stays_finite()
    {
        Assert.Equal(4 * F16.MaxValue, StoredRow.MaxMagnitude(RowType.Int4));
        // One extreme, the rest at 1.49 of a candidate's steps: the least-squares scale at its largest.
        foreach (float steps in new[] { 6f, 7f, 9f })
        {
            float[] row = [.. Enumerable.Repeat(StoredRow.MaxMagnitude(RowType.Int4) / steps * 1.49f, 32)];
            row[5] = -StoredRow.MaxMagnitude(RowType.Int4);
            Assert.All(Encode(row).Decoded, value => Assert.True(float.IsFinite(value)));
        }
    }

    [Fact]
    public void Zeros_are_code_8_and_what_lies_beyond_the_end_too()
    {
        (Half[] scales, byte[] codes, float[] decoded) = Encode(new float[33]);
        Assert.Equal(new float[33], decoded);
        Assert.All(scales, scale => Assert.Equal(Half.Zero, scale));
        Assert.All(codes, both => Assert.Equal(0x88, both));
    }

    private static (Half[] Scales, byte[] Codes, float[] Decoded) Encode(float[] row)
    {
        byte[] codes = new byte[StoredRow.RowBytes(RowType.Int4, row.Length)], scales = new byte[StoredRow.ScaleBytes(RowType.Int4, row.Length)];
        StoredRow.Encode(RowType.Int4, row, codes, scales);
        float[] decoded = new float[row.Length];
        new StoredRow(RowType.Int4, codes, scales).Decode(decoded);
        return ([.. scales.Chunk(2).Select(pair => BitConverter.ToHalf(pair))], codes, decoded);
    }

    private static float[] Row(int length, float magnitude, int seed)
    {
        Random random = new(seed);
        float[] row = [.. Enumerable.Range(0, length).Select(_ => (random.NextSingle() * 2 - 1) * magnitude * (random.Next(20) == 0 ? 4 : 1))];
        return row;
    }
}
