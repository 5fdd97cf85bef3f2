using MeKi.Kernels.Operations;

namespace MeKi.Kernels.Tests;

/// <summary>Norm and rotary embedding against their formulas in float64.</summary>
public class ElementwiseTests
{
    public static TheoryData<int> Lengths => [.. Enumerable.Range(1, 40), 63, 64, 65, 255, 1024];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void RmsNorm_is_its_formula_in_place_too(int length)
    {
        (float[] x, float[] w) = (Values(length, 1), Values(length, 2));
        double scale = 1 / Math.Sqrt(x.Average(value => (double)value * value) + 1e-6);
        float[] y = new float[length];
        RmsNorm.Normalize(x, w, 1e-6f, y);
        for (int i = 0; i < length; i++)
            Assert.Equal(x[i] * scale * w[i], y[i], 1e-5);
        RmsNorm.Normalize(x, w, 1e-6f, x);
        Assert.Equal(y, x);
    }

    [Fact]
    public void Rotary_embedding_turns_each_pair_by_its_angle()
    {
        const int Dimension = 16, Heads = 3, First = 41;
        ActivationMatrix x = new(Dimension * Heads);
        x.Reserve(2);
        float[] before = Values(2 * Dimension * Heads, 5);
        before.CopyTo(x.Rows(0, 2));
        Rope rope = new(Dimension, 10000);
        rope.Prepare([First, First + 1]);
        rope.Rotate(x.Row(0), 0);
        rope.Rotate(x.Row(1), 1);
        for (int row = 0; row < 2; row++)
        {
            for (int head = 0; head < Heads; head++)
            {
                for (int i = 0; i < Dimension / 2; i++)
                {
                    double angle = (First + row) * Math.Pow(10000, -2.0 * i / Dimension);
                    int at = head * Dimension + i;
                    double left = before[row * Dimension * Heads + at], right = before[row * Dimension * Heads + at + Dimension / 2];
                    Assert.Equal(left * Math.Cos(angle) - right * Math.Sin(angle), x.Row(row)[at], 2e-5);
                    Assert.Equal(right * Math.Cos(angle) + left * Math.Sin(angle), x.Row(row)[at + Dimension / 2], 2e-5);
                }
            }
        }
    }

    private static float[] Values(int length, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() * 6 - 3)];
    }
}
