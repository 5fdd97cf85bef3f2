using MeKi.Kernels.Fusing;

namespace MeKi.Kernels.Tests.Fusing;

/// <summary>The gate's activations against float64.</summary>
public class LogisticTests
{
    [Fact]
    public void Sigmoid_and_SiLU_are_within_their_stated_errors_wherever_they_are_normal()
    {
        (double sigmoid, double silu) worst = default;
        // Every 997th float32 from the smallest normal to the limit, of both signs: 2.2 million.
        for (uint bits = BitConverter.SingleToUInt32Bits(1.2e-38f); bits < BitConverter.SingleToUInt32Bits(86); bits += 997)
        {
            foreach (uint sign in new[] { 0u, 0x80000000u })
            {
                float x = BitConverter.UInt32BitsToSingle(bits | sign);
                double expected = 1 / (1 + Math.Exp(-(double)x));
                worst.sigmoid = Math.Max(worst.sigmoid, Math.Abs(Logistic.Sigmoid(x) / expected - 1));
                // Below 1e-37 the product is subnormal.
                if (Math.Abs(x * expected) > 1e-37)
                    worst.silu = Math.Max(worst.silu, Math.Abs(Logistic.Silu(x) / (x * expected) - 1));
            }
        }
        Assert.InRange(worst.sigmoid, 1e-9, 2.5e-7);
        Assert.InRange(worst.silu, 1e-9, 3.1e-7);
    }

    [Theory]
    [InlineData(0, 0.5f, 0)]
    [InlineData(86, 1, 86)]
    [InlineData(1e38f, 1, 1e38f)]
    [InlineData(float.PositiveInfinity, 1, float.PositiveInfinity)]
    [InlineData(-86.5f, 0, 0)]
    [InlineData(-1e38f, 0, 0)]
    [InlineData(float.NegativeInfinity, 0, 0)]
    public void Far_from_zero_they_are_their_limits(float x, float sigmoid, float silu)
    {
        Assert.Equal(sigmoid, Logistic.Sigmoid(x), 5e-38f);
        Assert.Equal(silu, Logistic.Silu(x), 5e-36f);
    }

    // What ggml's table has: half precision in, half precision out. Of a tie, either side may be taken.
    [Fact]
    public void GELU_is_that_of_half_precision_numbers()
    {
        int different = 0, count = 0;
        for (uint bits = BitConverter.SingleToUInt32Bits(1e-9f); bits < BitConverter.SingleToUInt32Bits(10); bits += 997, count += 2)
        {
            foreach (uint sign in new[] { 0u, 0x80000000u })
            {
                float x = BitConverter.UInt32BitsToSingle(bits | sign);
                double half = (double)(Half)x, exact = 0.5 * half * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * half * (1 + 0.044715 * half * half)));
                float expected = (float)(Half)exact, gelu = Logistic.Gelu(x);
                // Below, half-precision numbers are subnormal, and a step of theirs is 6e-8.
                if (gelu != expected && Math.Abs(expected) > 1e-4f)
                    different++;
                Assert.InRange(Math.Abs(gelu - expected), 0, 0.002 * Math.Abs(expected) + 6.1e-8);
            }
        }
        Assert.InRange(different, 0, count / 500);
    }

    [Theory]
    [InlineData(10, 10)]
    [InlineData(10.001f, 10.001f)]
    [InlineData(12345.678f, 12345.678f)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(-10, 0)]
    [InlineData(-11, 0)]
    [InlineData(float.NegativeInfinity, 0)]
    [InlineData(0, 0)]
    public void Far_from_zero_GELU_is_its_limit(float x, float gelu) => Assert.Equal(gelu, Logistic.Gelu(x));

    [Fact]
    public void Not_a_number_stays_one()
    {
        Assert.True(float.IsNaN(Logistic.Sigmoid(float.NaN)));
        Assert.True(float.IsNaN(Logistic.Silu(float.NaN)));
        Assert.True(float.IsNaN(Logistic.Gelu(float.NaN)));
    }
}
