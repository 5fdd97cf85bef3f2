using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The products of a format of unsigned codes where vectors are as wide as a pair of panels: several tokens meet four panels at once (<see
/// cref="WideTile{TWide, TKind}"/>).
/// </summary>
/// <typeparam name="TVector">What one token is multiplied with.</typeparam>
/// <typeparam name="THalf">Half a <typeparamref name="TWide"/>, in whose form panels are expanded.</typeparam>
/// <typeparam name="TWide">What several are.</typeparam>
/// <typeparam name="TCodes">The format.</typeparam>
/// <typeparam name="TKind">Its kind.</typeparam>
internal sealed unsafe class WideCodeProducts<TVector, THalf, TWide, TCodes, TKind> : PanelProducts
    where TVector : struct, IPanelVector<TVector>
    where THalf : struct, IPanelVector<THalf>
    where TWide : struct, ICodeVector<TWide>
    where TCodes : struct, IPanelCodes<TKind>
    where TKind : struct, ICodeKind
{
    private const int TileTokens = QuantizedActivations.TileTokens, PairSums = TileTokens * TileOutput.PairWidth, Panels = PanelKernels.CodeTilePanels;

    private readonly CodeProducts<TVector, TCodes, TKind, EachTile<TVector, TCodes, TKind>> _ofOne = new();

    public override void Prefetch(byte* begin, byte* end) => _ofOne.Prefetch(begin, end);

    public override void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y, NextReads after) =>
        _ofOne.MultiplyVector(weight, first, count, x, floats, y, after);

    public override void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output)
    {
        const int MaxColumns = ExpandedPanels.MaxColumns / 2;
        ExpandedPanels expanded = ExpandedPanels.OfThread, second = expanded.SecondHalf;
        TileOutput secondOutput = output.Pair(1);
        int blockColumns = weight.Format.Block.BlockSize, last = weight.Panels - 1;
        new Span<float>(sums, 2 * PairSums * tokens.Groups).Clear();
        int column = 0;
        do
        {
            int columns = Math.Min(MaxColumns, weight.Columns - column), blocks = columns / blockColumns, groups = columns / QuantizedActivations.BlockColumns;
            long offset = column / blockColumns * (long)TCodes.BlockBytes;
            // Expanding takes about as long as four tokens.
            ComingPanels coming = ComingPanels.After(weight, panel, Panels, column, columns, groups * (tokens.Groups + 1));
            for (int which = 0; which < Panels; which++)
            {
                for (int step = which * groups / Panels; step < (which + 1) * groups / Panels; step++)
                    coming.Ask<TWide>(step);
                IntegerPanels<THalf, TCodes, TKind>.Expand(weight.Panel(Math.Min(panel + which, last)) + offset, which % 2, blocks,
                    which < 2 ? expanded : second);
            }
            coming = coming.After(groups);
            QuantizedGroup first = tokens.Group(0, column / QuantizedActivations.BlockColumns);
            for (int group = 0; group < tokens.Groups; group++, coming = coming.After(groups))
            {
                QuantizedGroup x = first.After((nint)group * tokens.Interleave * (weight.Columns / QuantizedActivations.BlockColumns));
                float* y = sums + 2 * PairSums * group, z = y + PairSums;
                if (TKind.ByHalves<TWide>(TCodes.CodeBits))
                    WideTile<TWide, TKind>.MultiplyByHalves(expanded, second, groups, x, y, z, coming);
                else
                    WideTile<TWide, TKind>.Multiply(expanded, second, groups, x, y, z, coming);
                if (column + columns == weight.Columns)
                {
                    output.Write(TileTokens * group, TileTokens, y, TileOutput.PairWidth);
                    secondOutput.Write(TileTokens * group, TileTokens, z, TileOutput.PairWidth);
                }
            }
            column += columns;
        }
        while (column < weight.Columns);
    }
}
