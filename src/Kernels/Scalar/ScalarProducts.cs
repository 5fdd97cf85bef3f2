using MeKi.Kernels.Formats;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Scalar;

/// <summary>
/// The panel products in plain loops over the rows' blocks taken out of the panels: the meaning of the vector kernels, with which they agree to the last bit,
/// and what runs where the machine has none of their instruction sets.
/// </summary>
/// <remarks>
/// <code>
/// codes    per 32 columns, in order:                       y ← fma(float(Σ sub-scale · code · x), scale · a, y)       Σ exact in 32 bits
///          per 32 columns that have a minimum, after that: y ← fma(−minimum, a · Σ x, y)
/// floats   even columns and odd ones apart, in order:      y ← fma(w, x, y);   at the end even + odd
/// added    to what is there, all columns in order:         y ← fma(w, u, y)
/// </code>
/// </remarks>
internal abstract unsafe class ScalarProducts : PanelProducts
{
    /// <summary>Floats from one token's sums to the next's: four panels.</summary>
    protected const int Stride = PanelKernels.MostTilePanels / 2 * PanelFormat.Rows;

    public override void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y, NextReads after)
    {
        for (int panel = 0; panel < count; panel++)
            MultiplyPanel(weight, first + panel, new(x, 1, 1, weight.Columns), floats, y + PanelFormat.Rows * panel);
    }

    public override void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output)
    {
        for (int i = 0; i < Stride / PanelFormat.Rows && panel + i < weight.Panels; i++)
            MultiplyPanel(weight, panel + i, new(tokens.Group(0), tokens.Interleave, tokens.Tokens, weight.Columns), floats, sums + PanelFormat.Rows * i);
        output.Write(0, tokens.Tokens, sums, Stride);
    }

    /// <summary>A panel by tokens, whose results lie <see cref="Stride"/> floats apart.</summary>
    protected abstract void MultiplyPanel(PanelMatrix weight, int panel, in Tokens tokens, float* floats, float* y);

    /// <summary>The products of each format.</summary>
    public readonly struct Maker : IWeightFormatUser<PanelProducts>
    {
        public PanelProducts OfCodes<TCodes, TKind>()
            where TCodes : struct, IPanelCodes<TKind>
            where TKind : struct, ICodeKind
            => new ScalarCodeProducts<TCodes, TKind>();

        public PanelProducts OfFloats<TFloats>()
            where TFloats : struct, IPanelFloats
            => new ScalarFloatProducts<TFloats>();
    }

    /// <summary>Quantised tokens seen one value at a time: the layout of <see cref="QuantizedActivations"/> in formulas.</summary>
    protected readonly struct Tokens(QuantizedGroup first, int interleave, int count, int columns)
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
