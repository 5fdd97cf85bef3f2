using FsCheck;
using FsCheck.Fluent;
using MeKi.Quant;

namespace MeKi.Kernels.Tests;

/// <summary>The matrix product against a float64 one over the same decoded weights.</summary>
public unsafe class MatMulTests
{
    private static readonly Arbitrary<(int Rows, int Columns, int Tokens, BlockFormat Format, int Seed)> Products =
        (from rows in Gen.Choose(1, 70)
         from columns in Gen.Choose(1, 150)
         from tokens in Gen.Choose(1, 9)
         from format in Gen.Elements(BlockFormat.All.ToArray())
         from seed in Gen.Choose(0, int.MaxValue)
         select (rows, columns, tokens, format, seed)).ToArbitrary();

    [Fact]
    public void Any_shape_and_format_equals_the_product_in_float64() => Prop.ForAll(Products, sample =>
        {
            (int rows, int columns, int tokens, BlockFormat format, int seed) = sample;
            columns = (columns + format.BlockSize - 1) / format.BlockSize * format.BlockSize;
            using ComputePool pool = new(2);
            Random random = new(seed);
            byte[] data = RandomWeights(format, rows, columns, random);
            ActivationMatrix x = RandomActivations(tokens, columns, random), y = new(rows);
            fixed (byte* pointer = data)
            {
                WeightMatrix weight = new(format, rows, columns, pointer);
                new MatMul(pool).Run(x, 0, tokens, (weight, y));
                float[] w = new float[columns];
                for (int row = 0; row < rows; row++)
                {
                    weight.DecodeRow(row, w);
                    for (int token = 0; token < tokens; token++)
                    {
                        double sum = 0, magnitude = 0;
                        for (int i = 0; i < columns; i++)
                        {
                            sum += (double)w[i] * x.Row(token)[i];
                            magnitude += Math.Abs((double)w[i] * x.Row(token)[i]);
                        }
                        // Each of n fused steps rounds once: n · 2^-24 of the sum of magnitudes.
                        Assert.True(Math.Abs(sum - y.Row(token)[row]) <= (columns + 8) * Math.Pow(2, -24) * magnitude, $"{format.Name} [{rows} × {columns}] row {row} token {token}");
                    }
                }
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Bits_do_not_depend_on_threads_or_on_how_tokens_are_grouped()
    {
        const int Rows = 333, Columns = 96, Tokens = 7;
        Random random = new(3);
        byte[] data = RandomWeights(BlockFormat.Of(GgmlType.Q8_0), Rows, Columns, random);
        ActivationMatrix x = RandomActivations(Tokens, Columns, random);
        fixed (byte* pointer = data)
        {
            WeightMatrix weight = new(BlockFormat.Of(GgmlType.Q8_0), Rows, Columns, pointer);
            float[]? expected = null;
            foreach (int threads in new[] { 1, 2, 3, 8 })
            {
                foreach (int group in new[] { 1, 2, 3, Tokens })
                {
                    using ComputePool pool = new(threads);
                    MatMul matMul = new(pool);
                    List<float> all = [];
                    ActivationMatrix y = new(Rows);
                    for (int first = 0; first < Tokens; first += group)
                    {
                        int count = Math.Min(group, Tokens - first);
                        matMul.Run(x, first, count, (weight, y));
                        all.AddRange(y.Rows(0, count));
                    }
                    expected ??= [.. all];
                    Assert.Equal(expected, all);
                }
            }
        }
    }

    [Fact]
    public void Several_matrices_of_one_input_are_one_region()
    {
        using ComputePool pool = new(2);
        Random random = new(5);
        byte[] first = RandomWeights(BlockFormat.Of(GgmlType.F16), 20, 40, random), second = RandomWeights(BlockFormat.Of(GgmlType.F32), 3, 40, random);
        ActivationMatrix x = RandomActivations(3, 40, random), a = new(20), b = new(3), alone = new(3);
        fixed (byte* p = first, q = second)
        {
            WeightMatrix other = new(BlockFormat.Of(GgmlType.F32), 3, 40, q);
            MatMul matMul = new(pool);
            matMul.Run(x, 0, 3, (new(BlockFormat.Of(GgmlType.F16), 20, 40, p), a), (other, b));
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

    private static byte[] RandomWeights(BlockFormat format, int rows, int columns, Random random)
    {
        byte[] data = new byte[rows * format.RowBytes(columns)];
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.Length; i++)
            values[i] = random.NextSingle() * 2 - 1;
        format.Encode(values, data);
        return data;
    }

    private static ActivationMatrix RandomActivations(int rows, int columns, Random random)
    {
        ActivationMatrix x = new(columns);
        x.Reserve(rows);
        foreach (ref float value in x.Rows(0, rows))
            value = random.NextSingle() * 2 - 1;
        return x;
    }
}
