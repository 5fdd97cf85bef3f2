using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>The products of a format of integer codes: where expanded panels lie, and how runs of columns follow each other.</summary>
internal sealed unsafe class CodeProducts<TVector, TCodes, TKind, TTile> : PairProducts
    where TVector : struct, IPanelVector<TVector>
    where TCodes : struct, IPanelCodes<TKind>
    where TKind : struct, ICodeKind
    where TTile : struct, IPairTile
{
    private const int TileTokens = QuantizedActivations.TileTokens, PairSums = TileTokens * TileOutput.PairWidth;

    public override void Prefetch(byte* begin, byte* end) => Prefetching.All<TVector>(begin, end);

    protected override void MultiplyTwo(PanelMatrix weight, byte* panel, byte* second, in QuantizedGroup x, float* floats, float* y, float* z)
    {
        if (!TCodes.MovesScales || !IntegerPanels<TVector, TCodes, TKind>.MultiplyVector<MovedScales>(panel, second, weight.Blocks, x, y, z))
            IntegerPanels<TVector, TCodes, TKind>.MultiplyVector<AnyScales>(panel, second, weight.Blocks, x, y, z);
    }

    protected override void MultiplyPair(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output)
    {
        ExpandedPanels expanded = ExpandedPanels.OfThread;
        int blockColumns = weight.Format.Block.BlockSize, second = Math.Min(panel + 1, weight.Panels - 1);
        new Span<float>(sums, PairSums * tokens.Groups).Clear();
        int column = 0;
        do
        {
            int columns = Math.Min(ExpandedPanels.MaxColumns, weight.Columns - column), blocks = columns / blockColumns;
            long offset = column / blockColumns * (long)TCodes.BlockBytes;
            IntegerPanels<TVector, TCodes, TKind>.Expand(weight.Panel(panel) + offset, 0, blocks, expanded);
            IntegerPanels<TVector, TCodes, TKind>.Expand(weight.Panel(second) + offset, 1, blocks, expanded);
            int groups = columns / QuantizedActivations.BlockColumns;
            ComingPanels coming = ComingPanels.After(weight, panel, 2, column, columns, groups * tokens.Groups);
            QuantizedGroup first = tokens.Group(0, column / QuantizedActivations.BlockColumns);
            for (int group = 0; group < tokens.Groups; group++, coming = coming.After(groups))
            {
                QuantizedGroup x = first.After((nint)group * tokens.Interleave * (weight.Columns / QuantizedActivations.BlockColumns));
                float* tile = sums + PairSums * group;
                if (IntegerPanels<TVector, TCodes, TKind>.ByHalves)
                    IntegerPanels<TVector, TCodes, TKind>.MultiplyTileByHalves(expanded, groups, x, tile, coming);
                else
                    TTile.Multiply(expanded, groups, x, tile, coming);
                if (column + columns == weight.Columns)
                    output.Write(TileTokens * group, TileTokens, tile, TileOutput.PairWidth);
            }
            column += columns;
        }
        while (column < weight.Columns);
    }
}
