using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Panels;

/// <summary>The panel products in one vocabulary of vectors: which kernel a format takes, and where expanded panels lie.</summary>
/// <typeparam name="TVector">Eight lanes.</typeparam>
/// <typeparam name="TWide">Sixteen.</typeparam>
internal sealed unsafe class VectorPanelKernels<TVector, TWide> : PanelKernels
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
{
    private const int TileTokens = QuantizedActivations.TileTokens, PairSums = TileTokens * TileOutput.PairWidth;

    [ThreadStatic]
    private static ExpandedPanels? t_expanded;

    public override void MultiplyVector(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* floats, float* y)
    {
        switch (weight.Format.Block.Type)
        {
            case GgmlType.Q8_0: VectorOfCodes<Q8_0Codes>(weight, first, count, x, y); break;
            case GgmlType.Q4_0: VectorOfCodes<Q4_0Codes>(weight, first, count, x, y); break;
            case GgmlType.Q4_K: VectorOfCodes<Q4_KCodes>(weight, first, count, x, y); break;
            case GgmlType.Q5_K: VectorOfCodes<Q5_KCodes>(weight, first, count, x, y); break;
            case GgmlType.Q6_K: VectorOfCodes<Q6_KCodes>(weight, first, count, x, y); break;
            case GgmlType.F32: VectorOfFloats<F32Floats>(weight, first, count, floats, y); break;
            case GgmlType.F16: VectorOfFloats<F16Floats>(weight, first, count, floats, y); break;
            case GgmlType.BF16: VectorOfFloats<BF16Floats>(weight, first, count, floats, y); break;
            default: throw new NotSupportedException(weight.Format.Block.Name);
        }
    }

    public override bool TakesSignMagnitudes(PanelMatrix weight) => TVector.TakesSignMagnitudes && weight.Format.Block.Type == GgmlType.Q8_0;

    public override void MultiplyTiles(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output)
    {
        if (TakesSignMagnitudes(weight))
        {
            TilesOfSignMagnitudes(weight, panel, tokens, sums, output);
            return;
        }
        for (int pair = 0; pair < TilePanels(weight) / 2 && panel + 2 * pair < weight.Panels; pair++)
            MultiplyPair(weight, panel + 2 * pair, tokens, floats, sums, output.Pair(pair));
    }

    private static void MultiplyPair(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output)
    {
        switch (weight.Format.Block.Type)
        {
            case GgmlType.Q8_0: TilesOfCodes<Q8_0Codes, SignedCodes<TVector>>(weight, panel, tokens, sums, output); break;
            case GgmlType.Q4_0: TilesOfCodes<Q4_0Codes, CentredCodes<TVector>>(weight, panel, tokens, sums, output); break;
            case GgmlType.Q4_K: TilesOfCodes<Q4_KCodes, CodesWithMinima<TVector>>(weight, panel, tokens, sums, output); break;
            case GgmlType.Q5_K: TilesOfCodes<Q5_KCodes, CodesWithMinima<TVector>>(weight, panel, tokens, sums, output); break;
            case GgmlType.Q6_K: TilesOfCodes<Q6_KCodes, SubScaledCodes<TVector>>(weight, panel, tokens, sums, output); break;
            case GgmlType.F32: TilesOfFloats<F32Floats>(weight, panel, tokens.Tokens, floats, sums, output); break;
            case GgmlType.F16: TilesOfFloats<F16Floats>(weight, panel, tokens.Tokens, floats, sums, output); break;
            case GgmlType.BF16: TilesOfFloats<BF16Floats>(weight, panel, tokens.Tokens, floats, sums, output); break;
            default: throw new NotSupportedException(weight.Format.Block.Name);
        }
    }

    private static void VectorOfCodes<TCodes>(PanelMatrix weight, int first, int count, in QuantizedGroup x, float* y)
        where TCodes : struct, IPanelCodes
    {
        int half = (count + 1) / 2;
        for (int panel = 0; panel < half; panel++)
        {
            int other = Second(panel, half, count);
            IntegerPanels<TVector, TCodes>.MultiplyVector(weight.Panel(first + panel), weight.Panel(first + other), weight.Blocks, x, y + 8 * panel, y + 8 * other);
        }
    }

    private static void VectorOfFloats<TFloats>(PanelMatrix weight, int first, int count, float* x, float* y)
        where TFloats : struct, IPanelFloats
    {
        int half = (count + 1) / 2;
        for (int panel = 0; panel < half; panel++)
        {
            int other = Second(panel, half, count);
            FloatPanels<TVector, TFloats>.MultiplyVector(weight.Panel(first + panel), weight.Panel(first + other), weight.Columns, x, y + 8 * panel, y + 8 * other);
        }
    }

    // A panel of a run's first half and one of its second are two streams of memory, which a core reads faster than one, 1.15 to 1.18 times for Q8_0, Q6_K and
    // Q4_K. Neighbours would be two streams that end and begin again with every panel: 0.8 times. Of an odd number the last is computed twice.
    private static int Second(int panel, int half, int count) => Math.Min(panel + half, count - 1);

    private static void TilesOfCodes<TCodes, TKind>(PanelMatrix weight, int panel, QuantizedActivations tokens, float* sums, in TileOutput output)
        where TCodes : struct, IPanelCodes
        where TKind : struct, ICodeKind<TVector>
    {
        ExpandedPanels expanded = t_expanded ??= new();
        int blockColumns = weight.Format.Block.BlockSize, second = Math.Min(panel + 1, weight.Panels - 1);
        new Span<float>(sums, PairSums * tokens.Groups).Clear();
        int column = 0;
        do
        {
            int columns = Math.Min(ExpandedPanels.MaxColumns, weight.Columns - column), blocks = columns / blockColumns;
            long offset = column / blockColumns * (long)TCodes.BlockBytes;
            IntegerPanels<TVector, TCodes>.Expand(weight.Panel(panel) + offset, 0, blocks, expanded);
            IntegerPanels<TVector, TCodes>.Expand(weight.Panel(second) + offset, 1, blocks, expanded);
            QuantizedGroup first = tokens.Group(0, column / QuantizedActivations.BlockColumns);
            for (int group = 0; group < tokens.Groups; group++)
            {
                QuantizedGroup x = first.After((nint)group * tokens.Interleave * (weight.Columns / QuantizedActivations.BlockColumns));
                float* tile = sums + PairSums * group;
                if (IntegerPanels<TVector, TCodes>.ByHalves)
                    IntegerPanels<TVector, TCodes>.MultiplyTileByHalves<TKind>(expanded, columns / QuantizedActivations.BlockColumns, x, tile);
                else
                    IntegerPanels<TVector, TCodes>.MultiplyTile<TKind>(expanded, columns / QuantizedActivations.BlockColumns, x, tile);
                if (column + columns == weight.Columns)
                    output.Write(TileTokens * group, TileTokens, tile, TileOutput.PairWidth);
            }
            column += columns;
        }
        while (column < weight.Columns);
    }

    private static void TilesOfSignMagnitudes(PanelMatrix weight, int panel, QuantizedActivations tokens, float* sums, in TileOutput output)
    {
        const int Width = TileOutput.Width;
        ExpandedPanels expanded = t_expanded ??= new();
        new Span<float>(sums, Width * tokens.Tokens).Clear();
        int block = 0, all = weight.Blocks;
        do
        {
            int blocks = Math.Min(SignMagnitudeTokens.RunBlocks, all - block);
            SignMagnitudeTile<TVector>.Expand(weight.Panel(panel) + (long)block * Q8_0Codes.BlockBytes, weight.PanelBytes, weight.Panels - panel, blocks, expanded);
            SignMagnitudeRun first = tokens.SignMagnitudes.Run(block, 0);
            for (int token = 0; token < tokens.Tokens; token++)
            {
                float* tile = sums + Width * token;
                SignMagnitudeTile<TVector>.Multiply(expanded, blocks, first.After(token * blocks), tile);
                if (block + blocks == all)
                    output.Write(token, 1, tile, Width);
            }
            block += blocks;
        }
        while (block < all);
    }

    private static void TilesOfFloats<TFloats>(PanelMatrix weight, int panel, int tokens, float* x, float* sums, in TileOutput output)
        where TFloats : struct, IPanelFloats
    {
        const int Rows = FloatTile<TWide>.Rows, Width = TileOutput.PairWidth;
        ExpandedPanels expanded = t_expanded ??= new();
        int second = Math.Min(panel + 1, weight.Panels - 1), count = Width * ((tokens + Rows - 1) / Rows * Rows), stride = weight.Columns;
        float* odd = expanded.OddSums(count);
        new Span<float>(sums, count).Clear();
        new Span<float>(odd, count).Clear();
        int column = 0;
        do
        {
            int columns = Math.Min(ExpandedPanels.MaxFloatColumns, weight.Columns - column);
            long offset = column * (long)TFloats.ColumnBytes;
            FloatPanels<TVector, TFloats>.Expand(weight.Panel(panel) + offset, columns, expanded.Floats);
            FloatPanels<TVector, TFloats>.Expand(weight.Panel(second) + offset, columns, expanded.Floats + PanelFormat.Rows);
            for (int token = 0; token < tokens; token += Rows)
            {
                float* values = x + (nint)token * stride + column, evenSums = sums + Width * token, oddSums = odd + Width * token;
                FloatTile<TWide>.Add(values, stride, 2, expanded.Floats, 2 * Width, evenSums, Width, (columns + 1) / 2);
                FloatTile<TWide>.Add(values + 1, stride, 2, expanded.Floats + Width, 2 * Width, oddSums, Width, columns / 2);
                if (column + columns == weight.Columns)
                {
                    FloatPanels<TVector, TFloats>.AddSums(evenSums, oddSums, Width * Rows);
                    output.Write(token, Rows, evenSums, Width);
                }
            }
            column += columns;
        }
        while (column < weight.Columns);
    }
}
