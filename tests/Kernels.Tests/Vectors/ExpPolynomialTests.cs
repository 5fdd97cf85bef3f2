using MeKi.Kernels.Operations;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Tests.Vectors;

/// <summary>exp(x) for x ≤ 0 against the float64 function.</summary>
public class ExpPolynomialTests
{
    private const double Bound = 1.2e-7;

    [Fact]
    public void Errs_relatively_by_no_more_than_it_says()
    {
        // Every 61st float32 from −0 to −87.
        for (uint bits = 0x8000_0000; bits <= BitConverter.SingleToUInt32Bits(-87f); bits += 61)
        {
            float x = BitConverter.UInt32BitsToSingle(bits);
            double exact = Math.Exp(x), error = Math.Abs(ExpPolynomial.OfNegative(x) - exact) / exact;
            Assert.True(error <= Bound, $"exp({x:g9}) errs by {error}");
        }
    }

    [Fact]
    public void Ends_in_zero_and_begins_with_one()
    {
        Assert.Equal(1, ExpPolynomial.OfNegative(0));
        Assert.All([-88, -89, -1e4f, -3e38f, float.NegativeInfinity], x => Assert.Equal(0, BitConverter.SingleToInt32Bits(ExpPolynomial.OfNegative(x))));
        Assert.True(float.IsNaN(ExpPolynomial.OfNegative(float.NaN)));
    }

    [Fact]
    public unsafe void Every_set_has_its_bits_in_the_weights()
    {
        float[] weights = new float[32], scores = [.. Enumerable.Range(0, 32).Select(i => -i * i * 0.1f)];
        foreach (KernelSet set in KernelSet.Available)
        {
            scores.CopyTo(weights, 0);
            fixed (float* x = weights)
                set.Attention.Weigh(x, 0, 32, 0, 32, out float _, out float _);
            Bits.AssertSame([.. scores.Select(score => ExpPolynomial.OfNegative(score))], weights, set.Name);
        }
    }
}
