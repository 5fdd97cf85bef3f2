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
                        matMul.Run(x, first, count, (weight, y));
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
            new MatMul(pool).Run(x, 0, 3, (weight, y));
            new MatMul(pool).Run(x, 0, 0, (weight, y));
        }
    }

    [Fact]
    public void Several_matrices_of_one_input_are_one_region()
    {
        using ComputePool pool = new(2);
        byte[] first = Weights.Random(BlockFormat.Of(GgmlType.F16), 20, 40, seed: 5), second = Weights.Random(BlockFormat.Of(GgmlType.F32), 3, 40, seed: 6);
        ActivationMatrix x = Weights.RandomActivations(3, 40, seed: 7), a = new(20), b = new(3), alone = new(3);
        fixed (byte* p = first, q = second)
        {
            PanelMatrix other = PanelMatrix.Pack(new(BlockFormat.Of(GgmlType.F32), 3, 40, q), pool);
            MatMul matMul = new(pool);
            matMul.Run(x, 0, 3, (PanelMatrix.Pack(new(BlockFormat.Of(GgmlType.F16), 20, 40, p), pool), a), (other, b));
            matMul.Run(x, 0, 3, (other, alone));
            Assert.Equal(alone.Rows(0, 3), b.Rows(0, 3));
            Assert.Throws<ArgumentException>(() => matMul.Run(x, 0, 3, (other, a)));
        }
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
