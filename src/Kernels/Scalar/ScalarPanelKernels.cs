using System.Runtime.CompilerServices;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Scalar;

/// <summary>
/// The panel products in plain loops over canonical blocks taken out of the panels: the meaning of the vector kernels, with which they agree to the last bit,
/// and what runs where the machine has none of their instruction sets.
/// </summary>
/// <remarks>
/// <code>
/// codes    per 32 columns, in order:                       y ← fma(float(Σ sub-scale · code · x), scale · a, y)       Σ exact in 32 bits
///          per 32 columns that have a minimum, after that: y ← fma(−minimum, a · Σ x, y)
/// floats   even columns and odd ones apart, in order:      y ← fma(w, x, y);   at the end even + odd
/// </code>
/// </remarks>
internal sealed unsafe class ScalarPanelKernels : PanelKernels
{
    // Floats from one token's sums to the next's: four panels.
    private const int Stride = MostTilePanels / 2 * PanelFormat.Rows;

    [ThreadStatic]
    private static float[]? t_row;

    public override void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y)
    {
        for (int panel = 0; panel < count; panel++)
        {
            if (weight.Format.Block.BlockSize == 1)
                MultiplyFloats(weight, first + panel, 1, floats, y + PanelFormat.Rows * panel);
            else
                MultiplyCodes(weight, first + panel, new Tokens(x, 1, 1, weight.Columns), y + PanelFormat.Rows * panel);
        }
    }

    public override void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output)
    {
        for (int i = 0; i < Stride / PanelFormat.Rows && panel + i < weight.Panels; i++)
        {
            if (weight.Format.Block.BlockSize == 1)
                MultiplyFloats(weight, panel + i, tokens.Tokens, floats, sums + PanelFormat.Rows * i);
            else
                MultiplyCodes(weight, panel + i, new Tokens(tokens.Group(0), tokens.Interleave, tokens.Tokens, weight.Columns), sums + PanelFormat.Rows * i);
        }
        output.Write(0, tokens.Tokens, sums, Stride);
    }

    // y: Stride floats from token to token.
    private static void MultiplyCodes(PanelMatrix weight, int panel, in Tokens tokens, float* y)
    {
        const int Group = QuantizedActivations.BlockColumns;
        BlockFormat format = weight.Format.Block;
        bool hasMinima = CanonicalCodes.HasMinima(format.Type);
        Span<byte> bytes = stackalloc byte[format.BlockBytes];
        Span<short> codes = stackalloc short[CanonicalCodes.MaxColumns];
        Span<float> scales = stackalloc float[8], minima = stackalloc float[8];
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            for (int t = 0; t < tokens.Count; t++)
                y[Stride * t + row] = 0;
            for (int b = 0; b < weight.Blocks; b++)
            {
                weight.Format.Unpack(new(weight.Panel(panel) + (long)b * weight.Format.BlockBytes, weight.Format.BlockBytes), row, bytes);
                CanonicalCodes.Read(format.Type, bytes, codes, scales, minima);
                for (int t = 0; t < tokens.Count; t++)
                {
                    for (int group = 0; group < format.BlockSize / Group; group++)
                    {
                        int block = b * format.BlockSize / Group + group;
                        sbyte* x = tokens.Codes(t, block);
                        int integers = 0;
                        for (int i = 0; i < Group; i++)
                            integers += codes[Group * group + i] * x[(i / 4 * tokens.Interleave * 4) + i % 4];
                        float sum = MathF.FusedMultiplyAdd(integers, scales[group] * tokens.Scale(t, block), y[Stride * t + row]);
                        y[Stride * t + row] = hasMinima ? MathF.FusedMultiplyAdd(-minima[group], tokens.ScaledSum(t, block), sum) : sum;
                    }
                }
            }
        }
    }

    // y: Stride floats from token to token.
    private static void MultiplyFloats(PanelMatrix weight, int panel, int tokens, float* x, float* y)
    {
        GgmlType type = weight.Format.Block.Type;
        byte* values = weight.Panel(panel);
        int columns = weight.Columns;
        if (t_row is null || t_row.Length < columns)
            t_row = new float[columns];
        Span<float> w = t_row.AsSpan(0, columns);
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            for (int column = 0; column < columns; column++)
                w[column] = ValueAt(type, values, (long)column * PanelFormat.Rows + row);
            for (int t = 0; t < tokens; t++)
            {
                float even = 0, odd = 0;
                for (int column = 0; column < columns; column++)
                {
                    float v = x[(long)t * columns + column];
                    if (column % 2 == 0)
                        even = MathF.FusedMultiplyAdd(w[column], v, even);
                    else
                        odd = MathF.FusedMultiplyAdd(w[column], v, odd);
                }
                y[Stride * t + row] = even + odd;
            }
        }
    }

    private static float ValueAt(GgmlType type, byte* values, long i) => type switch
    {
        GgmlType.F32 => Unsafe.ReadUnaligned<float>(values + sizeof(float) * i),
        GgmlType.F16 => (float)Unsafe.ReadUnaligned<Half>(values + sizeof(ushort) * i),
        GgmlType.BF16 => BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(values + sizeof(ushort) * i) << 16),
        _ => throw new NotSupportedException($"{type} values are not floats."),
    };

    /// <summary>Quantised tokens seen one value at a time: the layout of <see cref="QuantizedActivations"/> in formulas.</summary>
    private readonly struct Tokens(QuantizedGroup first, int interleave, int count, int columns)
    {
        public int Count => count;

        public int Interleave => interleave;

        /// <summary>Where a block's codes begin: four, then those of the other tokens between, then the next four.</summary>
        public sbyte* Codes(int token, int block) => first.Codes + At(token, block * (QuantizedActivations.BlockColumns / 4), columns / 4) * 4;

        public float Scale(int token, int block) => first.Scales[At(token, block, columns / QuantizedActivations.BlockColumns)];

        public float ScaledSum(int token, int block) => first.ScaledSums[At(token, block, columns / QuantizedActivations.BlockColumns)];

        // [group of tokens][item][token of the group]
        private long At(int token, int item, int items) => ((long)(token / interleave) * items + item) * interleave + token % interleave;
    }
}
