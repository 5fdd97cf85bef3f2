using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Tests;

/// <summary>
/// The matrix product against float64. With u = 2^-24, half a unit in the last place of float32 relative to the number, and n columns:
/// <list type="bullet">
/// <item>Floats: each product takes part in at most n / 2 + 1 fused steps and one addition, so the error is at most (n / 2 + 3) · u · Σ |w·x|.</item>
/// <item>Codes, against the activations as quantised, scale · code: a group of 32 columns adds by one fused step, its minimum by another: n / 16 steps. Each
/// term was made of factors that were rounded: d · s, that times a, d · m, a · Σx; decoding rounds scale, product and difference once more: 8 roundings cover
/// them. So at most (n / 16 + 8) · u · Σ (|scale · code| + |minimum|) · |x|, the two parts apart because the product adds them apart.</item>
/// <item>Codes, against the activations themselves: in a block with scale a = max|x| / 127 each is off by half a step, a / 2. The scale, its inverse and their
/// product with x are rounded: 127 · 3 · u steps more, below 0.0001. So Σ 0.5001 · a · |w| comes on top.</item>
/// </list>
/// </summary>
public unsafe class ProductErrorTests
{
    private const double U = 1.0 / (1 << 24);

    public static TheoryData<GgmlType> Formats => [.. BlockFormat.All.Select(format => format.Type)];

    private static readonly Arbitrary<(int Rows, int Columns, int Tokens, int Seed)> Shapes =
        (from rows in Gen.Choose(1, 20)
         from columns in Gen.Frequency((3, Gen.Choose(1, 300)), (1, Gen.Choose(1000, 1300)))
         from tokens in Gen.Choose(1, 9)
         from seed in Gen.Choose(0, int.MaxValue)
         select (rows, columns, tokens, seed)).ToArbitrary();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Any_product_is_that_of_float64_within_its_bound(GgmlType type) => Prop.ForAll(Shapes, sample =>
        {
            BlockFormat format = BlockFormat.Of(type);
            int columns = (sample.Columns + format.BlockSize - 1) / format.BlockSize * format.BlockSize;
            using ComputePool pool = new(2);
            byte[] data = Weights.Random(format, sample.Rows, columns, sample.Seed);
            ActivationMatrix x = Weights.RandomActivations(sample.Tokens, columns, sample.Seed + 1), y = new(sample.Rows);
            fixed (byte* pointer = data)
            {
                PanelMatrix weight = PanelMatrix.Pack(new(format, sample.Rows, columns, pointer), pool);
                new MatMul(pool).Run(sample.Tokens, (x, weight, y));
                for (int token = 0; token < sample.Tokens; token++)
                {
                    double[] exact = [.. x.Row(token).ToArray().Select(value => (double)value)];
                    (double[] used, double[] halfSteps) = weight.Format.Block.BlockSize > 1 ? Quantized(x, token) : (exact, new double[columns]);
                    for (int row = 0; row < sample.Rows; row++)
                        AssertBounds(weight, row, exact, used, halfSteps, y.Row(token)[row], $"{type}, {sample}, row {row}, token {token}");
                }
            }
        }).QuickCheckThrowOnFailure();

    private static void AssertBounds(PanelMatrix weight, int row, double[] exact, double[] used, double[] halfSteps, double actual, string where)
    {
        int columns = weight.Columns;
        float[] w = new float[columns];
        weight.DecodeRow(row, w);
        double[] magnitudes = Magnitudes(weight, row, w);
        double sum = 0, sumOfUsed = 0, magnitude = 0, steps = 0;
        for (int i = 0; i < columns; i++)
        {
            sum += w[i] * exact[i];
            sumOfUsed += w[i] * used[i];
            magnitude += magnitudes[i] * Math.Abs(used[i]);
            steps += Math.Abs((double)w[i]) * halfSteps[i];
        }
        double rounding = (weight.Format.Block.BlockSize == 1 ? columns / 2 + 3 : columns / 16 + 8) * U * magnitude;
        Assert.True(Math.Abs(actual - sumOfUsed) <= rounding, $"{where}: {actual:g9} is not {sumOfUsed:g9} ± {rounding:g3}");
        Assert.True(Math.Abs(actual - sum) <= rounding + 1.0002 * steps, $"{where}: {actual:g9} is not {sum:g9} ± {rounding + 1.0002 * steps:g3}");
    }

    // Each activation as scale · code, and half of its scale.
    private static (double[] Used, double[] HalfSteps) Quantized(ActivationMatrix x, int token)
    {
        QuantizedActivations quantized = new();
        quantized.Reserve(1, x.Columns);
        fixed (float* values = x.Row(token))
        {
            for (int block = 0; block < x.Columns / QuantizedActivations.BlockColumns; block++)
                quantized.Row(0).Quantize(block, values + block * QuantizedActivations.BlockColumns);
        }
        QuantizedGroup group = quantized.Group(0);
        double[] used = new double[x.Columns], halfSteps = new double[x.Columns];
        for (int i = 0; i < used.Length; i++)
        {
            halfSteps[i] = group.Scales[i / 32] / 2.0;
            used[i] = (double)group.Scales[i / 32] * group.Codes[i];
        }
        return (used, halfSteps);
    }

    // |scale · code| + |minimum| of each column; of a float its magnitude.
    private static double[] Magnitudes(PanelMatrix weight, int row, float[] w)
    {
        if (weight.Format.Block.BlockSize == 1)
            return [.. w.Select(value => Math.Abs((double)value))];
        PanelFormat format = weight.Format;
        double[] magnitudes = new double[w.Length];
        byte[] block = new byte[format.Block.BlockBytes];
        short[] codes = new short[format.Block.BlockSize];
        float[] scales = new float[8], minima = new float[8];
        CodeReader read = WeightFormats.Of<CodeReader, ReaderOfCodes>(format.Block.Type, default);
        for (int b = 0; b < weight.Blocks; b++)
        {
            format.Unpack(new(weight.Panel(row / PanelFormat.Rows) + (long)b * format.BlockBytes, format.BlockBytes), row % PanelFormat.Rows, block);
            read(block, codes, scales, minima);
            for (int i = 0; i < format.Block.BlockSize; i++)
                magnitudes[b * format.Block.BlockSize + i] = Math.Abs((double)scales[i / 32] * codes[i]) + Math.Abs(minima[i / 32]);
        }
        return magnitudes;
    }

    private delegate void CodeReader(ReadOnlySpan<byte> block, Span<short> codes, Span<float> scales, Span<float> minima);

    private readonly struct ReaderOfCodes : IWeightFormatUser<CodeReader>
    {
        public CodeReader OfCodes<TCodes, TKind>()
            where TCodes : struct, IPanelCodes<TKind>
            where TKind : struct, ICodeKind
            => TCodes.Read;

        public CodeReader OfFloats<TFloats>()
            where TFloats : struct, IPanelFloats
            => throw new NotSupportedException();
    }
}
