using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using MeKi.Kernels.Fusing;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Tests.Fusing;

/// <summary>
/// The fuse of every kernel set, row type and fusion: its formula in float64, the scalar kernels' bits, and nothing written beside its place.
/// </summary>
public unsafe class FusionKernelsTests
{
    private const int Block = QuantizedActivations.BlockColumns, Margin = 64;
    private const float Mark = 123456.789f;

    private static readonly FusionKernels Reference = KernelSet.Select("Scalar").Fusion;
    private static readonly float[] Special = [0, -0f, float.Epsilon, 85.9f, -86, -87, 1e38f, -1e38f, float.PositiveInfinity, float.NegativeInfinity,
        float.NaN];

    private static readonly Arbitrary<(int Columns, int Tokens, int Offset, bool Special, int Seed)> Samples =
        (from columns in Gen.Choose(1, 300)
         from tokens in Gen.Choose(1, 9)
         from offset in Gen.Choose(0, 31)
         from special in Gen.Elements(false, true)
         from seed in Gen.Choose(0, int.MaxValue)
         select (columns, tokens, offset, special, seed)).ToArbitrary();

    public static TheoryData<RowType, Fusion> RowsAndFusions
    {
        get
        {
            TheoryData<RowType, Fusion> all = [];
            foreach (RowType type in Enum.GetValues<RowType>())
            {
                foreach (Fusion fusion in Enum.GetValues<Fusion>())
                    all.Add(type, fusion);
            }
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(RowsAndFusions))]
    public void The_scalar_kernels_are_the_formula(RowType type, Fusion fusion)
    {
        using Operands operands = new(type, 100, 0, special: false, seed: 1);
        float[] e = new float[100], v = new float[100];
        operands.Row.Decode(e);
        Reference.Fuse(operands.Row, fusion, operands.Gate, v);
        for (int i = 0; i < v.Length; i++)
        {
            double g = operands.Gate[i], sigmoid = 1 / (1 + Math.Exp(-g));
            double expected = fusion switch
            {
                Fusion.AdditiveSigmoid => e[i] + sigmoid,
                Fusion.AdditiveSilu => e[i] + g * sigmoid,
                Fusion.MultiplicativeSigmoid => e[i] * sigmoid,
                Fusion.MultiplicativeSilu => e[i] * g * sigmoid,
                _ => e[i] * Gelu(g),
            };
            // The activation's 3.1e-7, one rounding of 6e-8 in it and one in the sum or product.
            // GELU of half precision may also fall to the neighbour of its number.
            double step = fusion == Fusion.MultiplicativeGelu ? Math.Abs(e[i]) * (1e-3 * Math.Abs(Gelu(g)) + 6.1e-8) : 0;
            Assert.Equal(expected, v[i], step + 5e-7 * (Math.Abs(e[i]) + Math.Abs(g) + 1) * Math.Max(1, Math.Abs(e[i])));
        }
    }

    [Theory]
    [MemberData(nameof(RowsAndFusions))]
    public void Any_row_gives_the_bits_of_the_scalar_kernels_as_floats(RowType type, Fusion fusion) => Prop.ForAll(Samples, sample =>
    {
        using Operands operands = new(type, sample.Columns, sample.Offset, sample.Special, sample.Seed);
        float[] expected = new float[sample.Columns];
        Reference.Fuse(operands.Row, fusion, operands.Gate, expected);
        foreach (KernelSet kernels in KernelSet.Available)
        {
            float[] v = new float[sample.Columns + 2 * Margin];
            Array.Fill(v, Mark);
            kernels.Fusion.Fuse(operands.Row, fusion, operands.Gate, v.AsSpan(Margin, sample.Columns));
            Bits.AssertSame(expected, v.AsSpan(Margin, sample.Columns), $"{kernels.Name}, {sample}");
            Assert.True(v.AsSpan(0, Margin).IndexOfAnyExcept(Mark) < 0 && v.AsSpan(Margin + sample.Columns).IndexOfAnyExcept(Mark) < 0, kernels.Name);
        }
    }).QuickCheckThrowOnFailure();

    [Theory]
    [MemberData(nameof(RowsAndFusions))]
    public void Any_rows_give_the_blocks_that_quantising_the_floats_gives(RowType type, Fusion fusion) => Prop.ForAll(Samples, sample =>
    {
        int columns = (sample.Columns + Block - 1) / Block * Block;
        Operands[] tokens = [.. Enumerable.Range(0, sample.Tokens)
            .Select(token => new Operands(type, columns, sample.Offset, sample.Special, sample.Seed + token))];
        ActivationMatrix v = new(columns);
        v.Reserve(sample.Tokens);
        QuantizedActivations expected = new();
        expected.Reserve(sample.Tokens, columns);
        for (int token = 0; token < sample.Tokens; token++)
            Reference.Fuse(tokens[token].Row, fusion, tokens[token].Gate, v.Row(token));
        for (int group = 0; group < expected.Groups; group++)
            expected.Quantize(v, group);
        foreach (KernelSet kernels in KernelSet.Available)
        {
            // Other tokens were there before, and the last come first: tokens are fused in any order.
            QuantizedActivations actual = new();
            actual.Reserve(sample.Tokens + 3, columns);
            new Span<byte>(actual.Group(0).Codes, columns).Fill(0x55);
            actual.Reserve(sample.Tokens, columns);
            for (int token = sample.Tokens - 1; token >= 0; token--)
                kernels.Fusion.Fuse(tokens[token].Row, fusion, tokens[token].Gate, actual.Row(token));
            AssertSame(expected, actual, $"{kernels.Name}, {sample}");
        }
        Array.ForEach(tokens, token => token.Dispose());
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(GgmlType.Q8_0, 64, 1)]
    [InlineData(GgmlType.Q4_0, 96, 6)]
    [InlineData(GgmlType.F16, 96, 6)]
    [InlineData(GgmlType.F32, 7, 1)]
    [InlineData(GgmlType.F16, 45, 5)]
    public void A_product_takes_what_was_fused_for_it_and_refuses_what_was_fused_for_another(GgmlType weights, int columns, int tokens)
    {
        using ComputePool pool = new(2);
        byte[] data = Weights.Random(BlockFormat.Of(weights), 40, columns, seed: 2),
            others = Weights.Random(BlockFormat.Of(GgmlType.F32), 40, columns, seed: 2);
        fixed (byte* pointer = data, otherPointer = others)
        {
            PanelMatrix weight = PanelMatrix.Pack(new(BlockFormat.Of(weights), 40, columns, pointer), pool);
            RowFusion fusion = new(Fusion.AdditiveSigmoid);
            ActivationMatrix v = new(columns), expected = new(40), actual = new(40);
            v.Reserve(tokens);
            fusion.Reserve(tokens, weight);
            for (int token = 0; token < tokens; token++)
            {
                using Operands operands = new(RowType.Int8, columns, 0, special: false, token);
                Reference.Fuse(operands.Row, Fusion.AdditiveSigmoid, operands.Gate, v.Row(token));
                fusion.Fuse(token, operands.Row, operands.Gate);
            }
            MatMul matMul = new(pool);
            matMul.Run(tokens, (v, weight, expected));
            matMul.Run(tokens, (fusion.Fused, weight, actual));
            Bits.AssertSame(expected.Rows(0, tokens), actual.Rows(0, tokens), weight.Format.Block.Name);
            if (BlockFormat.Of(weights).BlockSize == 1)
                return;
            PanelMatrix floats = PanelMatrix.Pack(new(BlockFormat.Of(GgmlType.F32), 40, columns, otherPointer), pool);
            Assert.Throws<ArgumentException>(() => matMul.Run(tokens, (fusion.Fused, floats, actual)));
            Assert.Throws<ArgumentException>(() => matMul.Run(tokens + 1, (fusion.Fused, weight, actual)));
        }
    }

    [Theory]
    [InlineData(GgmlType.Q4_0, 1)]
    [InlineData(GgmlType.Q4_0, 5)]
    [InlineData(GgmlType.F16, 5)]
    public void Parts_of_rows_fused_on_their_own_are_the_rows(GgmlType weights, int tokens)
    {
        const int Columns = 320;
        using ComputePool pool = new(1);
        byte[] data = Weights.Random(BlockFormat.Of(weights), 16, Columns, seed: 2);
        fixed (byte* pointer = data)
        {
            PanelMatrix weight = PanelMatrix.Pack(new(BlockFormat.Of(weights), 16, Columns, pointer), pool);
            RowFusion whole = new(Fusion.MultiplicativeGelu), parts = new(Fusion.MultiplicativeGelu);
            whole.Reserve(tokens, weight);
            parts.Reserve(tokens, weight);
            ActivationMatrix up = new(Columns), gate = new(Columns);
            up.Reserve(tokens);
            gate.Reserve(tokens);
            for (int token = 0; token < tokens; token++)
            {
                for (int i = 0; i < Columns; i++)
                    (up.Row(token)[i], gate.Row(token)[i]) = (MathF.Sin(i + 7 * token), 3 * MathF.Cos(i + 5 * token));
                whole.Fuse(token, StoredRow.OfFloats(up.Row(token)), gate.Row(token));
            }
            foreach (int part in Enumerable.Range(0, parts.Parts).Reverse())
                parts.FusePart(part, up, gate);
            ActivationMatrix expected = new(16), actual = new(16);
            new MatMul(pool).Run(tokens, (whole.Fused, weight, expected));
            new MatMul(pool).Run(tokens, (parts.Fused, weight, actual));
            Bits.AssertSame(expected.Rows(0, tokens), actual.Rows(0, tokens), weights.ToString());
        }
    }

    private static double Gelu(double x)
    {
        if (Math.Abs(x) >= 10)
            return Math.Max(x, 0);
        double half = (double)(Half)x;
        return (double)(Half)(0.5 * half * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (half + 0.044715 * half * half * half))));
    }

    private static void AssertSame(QuantizedActivations expected, QuantizedActivations actual, string what)
    {
        int blocks = expected.Columns / Block;
        for (int group = 0; group < expected.Groups; group++)
        {
            for (int block = 0; block < blocks; block++)
            {
                QuantizedGroup e = expected.Group(group, block), a = actual.Group(group, block);
                for (int t = 0; t < expected.Interleave; t++)
                {
                    Assert.True(Bits.Same(e.Scales[t], a.Scales[t]) && Bits.Same(e.ScaledSums[t], a.ScaledSums[t]), what);
                    // The codes of a block that is not finite are anything.
                    if (float.IsNaN(e.Scales[t]))
                        continue;
                    Assert.True(e.Sums[t] == a.Sums[t] && e.CentreCorrections8[t] == a.CentreCorrections8[t]
                        && e.CentreCorrections32[t] == a.CentreCorrections32[t]
                        && e.CentreCorrections32[t + expected.Interleave] == a.CentreCorrections32[t + expected.Interleave], what);
                    for (int chunk = 0; chunk < Block / 4; chunk++)
                        Assert.True(((int*)e.Codes)[chunk * expected.Interleave + t] == ((int*)a.Codes)[chunk * expected.Interleave + t], what);
                }
            }
        }
    }

    /// <summary>A stored row at any address, surrounded by 0xFF (NaN in every float type), and its gate.</summary>
    private sealed class Operands : IDisposable
    {
        private readonly byte* _memory;
        private readonly RowType _type;
        private readonly int _valueBytes, _scaleBytes, _offset;

        public Operands(RowType type, int columns, int offset, bool special, int seed)
        {
            Random random = new(seed);
            (_type, _offset) = (type, offset);
            (_valueBytes, _scaleBytes) = (StoredRow.RowBytes(type, columns), StoredRow.ScaleBytes(type, columns));
            int bytes = _valueBytes + _scaleBytes + 4 * Margin;
            _memory = (byte*)NativeMemory.Alloc((nuint)bytes);
            new Span<byte>(_memory, bytes).Fill(0xFF);
            float[] row = [.. Enumerable.Range(0, columns).Select(_ => random.NextSingle() * 6 - 3)];
            Gate = [.. Enumerable.Range(0, columns)
                .Select(_ => special && random.Next(8) == 0 ? Special[random.Next(Special.Length)] : random.NextSingle() * 20 - 10)];
            StoredRow.Encode(type, row, new(_memory + Margin + offset, _valueBytes), Scales);
            if (special && type is RowType.F32 or RowType.F16 && random.Next(2) == 0)
                random.NextBytes(new Span<byte>(_memory + Margin + offset, _valueBytes));
        }

        public float[] Gate { get; }

        public StoredRow Row => new(_type, new(_memory + Margin + _offset, _valueBytes), Scales);

        private Span<byte> Scales => new(_memory + 2 * Margin + _offset + _valueBytes, _scaleBytes);

        public void Dispose() => NativeMemory.Free(_memory);
    }
}
