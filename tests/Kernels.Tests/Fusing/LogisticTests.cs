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

    [Fact]
    public void Not_a_number_stays_one()
    {
        Assert.True(float.IsNaN(Logistic.Sigmoid(float.NaN)));
        Assert.True(float.IsNaN(Logistic.Silu(float.NaN)));
    }
}
