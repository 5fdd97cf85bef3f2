using System.Numerics.Tensors;
using MeKi.Model.Synthesis;

namespace MeKi.Model.Tests.Synthesis;

public class RandomRowTest
{
    [Fact]
    public void Moments_are_those_of_a_sum_of_four_uniform_numbers()
    {
        float[] values = new float[1 << 20];
        RandomRow.Fill(RandomRow.Stream(1, "a"), 0, 2, values);
        double mean = values.Average(), variance = values.Average(value => (value - mean) * (value - mean));
        double kurtosis = values.Average(value => Math.Pow(value - mean, 4)) / (variance * variance);
        Assert.Equal(0, mean, 0.01);
        Assert.Equal(2, Math.Sqrt(variance), 0.01);
        Assert.Equal(2.7, kurtosis, 0.02);
        Assert.InRange(values.Max(Math.Abs), 5, 2 * 3.4642);
    }

    [Fact]
    public void Neighbours_rows_streams_and_seeds_have_nothing_in_common()
    {
        const int Count = 1 << 16;
        float[] row = Row(1, "a", 0, Count);
        Assert.All(
        [
            [.. row[1..], 0], [.. row[8..], .. new float[8]], Row(1, "a", 1, Count), Row(1, "b", 0, Count), Row(2, "a", 0, Count), Row(-1, "a", 0, Count),
        ], (float[] other) => Assert.InRange(TensorPrimitives.Dot<float>(row, other) / Count, -0.025f, 0.025f));   // six deviations of 1/256
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(100)]
    public void A_shorter_row_is_the_beginning_of_a_longer_one(int count) => Assert.Equal(Row(3, "x", 4, 200)[..count], Row(3, "x", 4, count));

    [Fact]
    public void The_values_are_the_same_on_every_machine() => Assert.Equal(
        // Computed once by another program, in integers.
        new uint[] { 0x3D91D129, 0x3B8FC29D, 0x3D8AFF40, 0x401E2CC0, 0x3F085D7C, 0x3F9BF81A },
        Row(0, "token_embd.weight", 7, 6).Select(BitConverter.SingleToUInt32Bits));

    private static float[] Row(int seed, string name, int row, int count)
    {
        float[] values = new float[count];
        RandomRow.Fill(RandomRow.Stream(seed, name), row, 1, values);
        return values;
    }
}
