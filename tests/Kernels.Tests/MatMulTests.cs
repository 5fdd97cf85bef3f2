using MeKi.Kernels.Operations;
using MeKi.Quant;

namespace MeKi.Kernels.Tests;

/// <summary>The matrix product as a region: threads, grouping of tokens, several matrices, views.</summary>
public unsafe class MatMulTests
{
    public static TheoryData<GgmlType> Formats => [.. BlockFormat.All.Select(format => format.Type)];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Bits_do_not_depend_on_threads_or_on_how_tokens_are_grouped(GgmlType type)
    {
        // 333 rows are 42 panels, the last one with five rows; 1,280 columns are more than the kernels for several tokens decode at once.
        const int Rows = 333, Columns = 1280, Tokens = 7;
        BlockFormat format = BlockFormat.Of(type);
        byte[] data = Weights.Random(format, Rows, Columns, seed: 3);
        ActivationMatrix x = Weights.RandomActivations(Tokens, Columns, seed: 4);
        fixed (byte* pointer = data)
        {
            using ComputePool packers = new(2);
            PanelMatrix weight = PanelMatrix.Pack(new(format, Rows, Columns, pointer), packers);
            float[]? expected = null;
            foreach (int threads in new[] { 1, 2, 3, 8 })
            {
                using ComputePool pool = new(threads);
                MatMul matMul = new(pool);
                foreach (int group in new[] { 1, 2, 3, 4, 5, Tokens })
                {
                    List<float> all = [];
                    ActivationMatrix y = new(Rows);
                    for (int first = 0; first < Tokens; first += group)
                    {
                        int count = Math.Min(group, Tokens - first);
                        ActivationMatrix part = new(Columns);
                        part.Reserve(count);
                        x.Rows(first, count).CopyTo(part.Rows(0, count));
                        matMul.Run(count, (part, weight, y));
                        all.AddRange(y.Rows(0, count));
                    }
                    expected ??= [.. all];
                    Bits.AssertSame(expected, all.ToArray(), $"{format.Name}, {threads} threads, {group} tokens at a time");
                }
            }
        }
    }

    [Fact]
    public void No_rows_and_no_tokens_are_nothing_to_compute()
    {
        using ComputePool pool = new(2);
        ActivationMatrix x = Weights.RandomActivations(3, 32, seed: 1), y = new(0);
        byte[] none = new byte[1];
        fixed (byte* pointer = none)
        {
            PanelMatrix weight = PanelMatrix.Pack(new(BlockFormat.Of(GgmlType.Q8_0), 0, 32, pointer), pool);
            Assert.Equal((0, 0L), (weight.Panels, weight.ByteLength));
            new MatMul(pool).Run(3, (x, weight, y));
            new MatMul(pool).Run(0, (x, weight, y));
        }
    }

    [Theory]
    [InlineData(GgmlType.F32, 1)]
    [InlineData(GgmlType.F32, 7)]
    [InlineData(GgmlType.Q8_0, 1)]
    [InlineData(GgmlType.Q8_0, 7)]
    public void Sums_of_no_columns_are_zero(GgmlType type, int tokens)
    {
        using ComputePool pool = new(2);
        PanelMatrix weight = Packed(type, 20, 0, 1, pool);
        ActivationMatrix x = new(0), y = new(20);
        y.Reserve(tokens);
        y.Rows(0, tokens).Fill(7);
        new MatMul(pool).Run(tokens, (x, weight, y));
        Assert.All(y.Rows(0, tokens).ToArray(), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(70)]
    public void Products_of_several_inputs_and_forms_in_one_region_are_those_of_each_alone(int tokens)
    {
        using ComputePool pool = new(2);
        MatMul matMul = new(pool);
        (GgmlType Type, int Rows, int Columns, int Input)[] parts =
            [(GgmlType.Q8_0, 20, 64, 0), (GgmlType.F16, 3, 96, 1), (GgmlType.Q4_0, 9, 96, 1), (GgmlType.F32, 40, 64, 0)];
        ActivationMatrix[] inputs = [Weights.RandomActivations(tokens, 64, seed: 7), Weights.RandomActivations(tokens, 96, seed: 8)];
        PanelMatrix[] weights = [.. parts.Select((part, i) => Packed(part.Type, part.Rows, part.Columns, i, pool))];
        ActivationMatrix[] together = [.. parts.Select(part => new ActivationMatrix(part.Rows))];
        // Twice, in another order: what a region leaves behind the next must not take.
        foreach (int[] order in new int[][] { [0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2] })
        {
            matMul.Run(tokens, [.. order.Select(i => (inputs[parts[i].Input], (PanelMatrix?)weights[i], together[i]))]);
            for (int i = 0; i < parts.Length; i++)
            {
                ActivationMatrix alone = new(parts[i].Rows);
                new MatMul(pool).Run(tokens, (inputs[parts[i].Input], weights[i], alone));
                Bits.AssertSame(alone.Rows(0, tokens), together[i].Rows(0, tokens), $"product {i} of {string.Join(' ', order)}");
            }
        }
    }

    [Fact]
    public void A_product_without_a_weight_is_left_out_and_one_that_does_not_fit_is_refused()
    {
        using ComputePool pool = new(2);
        MatMul matMul = new(pool);
        PanelMatrix weight = Packed(GgmlType.F32, 3, 40, 6, pool);
        ActivationMatrix x = Weights.RandomActivations(3, 40, seed: 7), y = new(3), alone = new(3), other = new(20);
        matMul.Run(3, (x, weight, alone));
        matMul.Run(3, (x, null, other), (x, weight, y), (x, null, other));
        Assert.Equal(alone.Rows(0, 3), y.Rows(0, 3));
        Assert.Throws<ArgumentException>(() => matMul.Run(3, (x, weight, other)));
        Assert.Throws<ArgumentException>(() => matMul.Run(3, (other, weight, y)));
    }

    private static PanelMatrix Packed(GgmlType type, int rows, int columns, int seed, ComputePool pool)
    {
        fixed (byte* data = Weights.Random(BlockFormat.Of(type), rows, columns, seed))
            return PanelMatrix.Pack(new(BlockFormat.Of(type), rows, columns, data), pool);
    }

    [Fact]
    public void Strided_views_see_the_rows_of_a_stacked_matrix()
    {
        byte[] data = new byte[12 * sizeof(float)];
        F32.Encode([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], data);
        fixed (byte* pointer = data)
        {
            WeightMatrix stacked = new(BlockFormat.Of(GgmlType.F32), 12, 1, pointer);
            Assert.Equal([2, 3, 8, 9], Values(stacked.Slice(2, 2, 6)));
            Assert.Equal([0, 1, 2], Values(stacked.Take(3)));
            Assert.Throws<ArgumentException>(() => stacked.Slice(2, 2, 5));
            Assert.Throws<ArgumentException>(() => stacked.Slice(2, 2, 6).Slice(0, 1, 2));
            Assert.Throws<ArgumentOutOfRangeException>(() => stacked.Row(12).Length);
        }

        static float[] Values(WeightMatrix matrix)
        {
            float[] values = new float[matrix.Rows];
            for (int row = 0; row < matrix.Rows; row++)
                matrix.DecodeRow(row, values.AsSpan(row, 1));
            return values;
        }
    }
}
