namespace MeKi.Kernels.Tests;

/// <summary>Sums and functions whose bits follow neither the width of vectors nor the system's C library.</summary>
[Trait("Fault", "18.2")]
public class FixedArithmeticTests
{
    public static TheoryData<int> Lengths => [.. Enumerable.Range(0, 40), 63, 64, 65, 255, 1024];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_sum_of_squares_is_that_of_16_lanes_joined_in_one_order(int length)
    {
        float[] x = Values(length, 1);
        float[] lanes = new float[16];
        for (int i = 0; i < length; i++)
            lanes[i % 16] += x[i] * x[i];
        float[] four = [.. Enumerable.Range(0, 4).Select(i => (lanes[i] + lanes[i + 4]) + (lanes[i + 8] + lanes[i + 12]))];
        Assert.Equal((four[0] + four[2]) + (four[1] + four[3]), FixedSum.OfSquares(x));
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_sum_is_that_of_eight_lanes_joined_in_one_order(int length)
    {
        double[] x = [.. Values(length, 2).Select(value => Math.Sqrt(Math.Abs(value)))];
        double[] lanes = new double[8];
        for (int i = 0; i < length / 8 * 8; i++)
            lanes[i % 8] += x[i];
        double[] two = [.. Enumerable.Range(0, 2).Select(i => (lanes[i] + lanes[i + 2]) + (lanes[i + 4] + lanes[i + 6]))];
        double sum = two[0] + two[1];
        for (int i = length / 8 * 8; i < length; i++)
            sum += x[i];
        Assert.Equal(sum, FixedSum.Of(x));
    }

    [Fact]
    public void Functions_are_the_librarys_but_for_the_last_bits()
    {
        Random random = new(3);
        for (int i = 0; i < 20_000; i++)
        {
            double x = random.NextDouble() * 1400 - 700, positive = Math.Exp(random.NextDouble() * 200 - 100);
            Near(Math.Exp(x), FixedMath.Exp(x), 1e-15);
            Near(Math.Log(positive), FixedMath.Log(positive), 1e-15);
            Near(Math.Pow(1e6, x / 700), FixedMath.Pow(1e6, x / 700), 1e-14);
            float angle = (float)(random.NextDouble() * Math.Pow(2, random.Next(-20, 27)));
            (float sin, float cos) = FixedMath.SinCos(angle);
            Near(Math.Sin(angle), sin, 6e-8);
            Near(Math.Cos(angle), cos, 6e-8);
        }

        static void Near(double expected, double actual, double tolerance) =>
            Assert.True(Math.Abs(actual - expected) <= tolerance * Math.Abs(expected), $"{actual:r} is not {expected:r}");
    }

    [Fact]
    public void Functions_at_the_ends()
    {
        double[] x = [double.NegativeInfinity, -709, -0.0, 0, 709.5, double.PositiveInfinity, double.NaN];
        FixedMath.Exp(x);
        Assert.Equal([0, 0, 1, 1, double.PositiveInfinity, double.PositiveInfinity, double.NaN], x);
        Assert.Equal(0, FixedMath.Log(1));
        Assert.Equal((0, 1), FixedMath.SinCos(0));
        Assert.Equal(float.NaN, FixedMath.SinCos(float.PositiveInfinity).Sin);
    }

    [Fact]
    public void Functions_have_these_bits_everywhere()
    {
        ulong bits = 14695981039346656037;
        double[] exponentials = [.. Values(4_001, 5).Select(value => (double)value * 20)];
        foreach (double x in exponentials)
        {
            Add(BitConverter.DoubleToUInt64Bits(FixedMath.Log(Math.Abs(x) + 1e-9)));
            (float sin, float cos) = FixedMath.SinCos((float)(x * x * x * x));
            Add(BitConverter.SingleToUInt32Bits(sin));
            Add(BitConverter.SingleToUInt32Bits(cos));
        }
        FixedMath.Exp(exponentials);
        foreach (double x in exponentials)
            Add(BitConverter.DoubleToUInt64Bits(x));
        Assert.Equal(9020365663212791910UL, bits);

        // FNV-1a over words.
        void Add(ulong word) => bits = (bits ^ word) * 1099511628211;
    }

    private static float[] Values(int length, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() * 6 - 3)];
    }
}
