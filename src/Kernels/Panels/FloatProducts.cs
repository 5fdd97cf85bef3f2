using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Panels;

/// <summary>The products of a format of floats.</summary>
internal sealed unsafe class FloatProducts<TVector, TWide, TFloats> : PairProducts
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
    where TFloats : struct, IPanelFloats
{
    protected override void MultiplyTwo(PanelMatrix weight, byte* panel, byte* second, in QuantizedGroup x, float* floats, float* y, float* z) =>
        FloatPanels<TVector, TFloats>.MultiplyVector(panel, second, weight.Columns, floats, y, z);

    protected override void MultiplyPair(PanelMatrix weight, int panel, QuantizedActivations tokens, float* floats, float* sums, in TileOutput output)
    {
        const int Rows = FloatTile<TWide>.Rows, Width = TileOutput.PairWidth;
        ExpandedPanels expanded = ExpandedPanels.OfThread;
        int second = Math.Min(panel + 1, weight.Panels - 1), count = tokens.Tokens, length = Width * ((count + Rows - 1) / Rows * Rows),
            stride = weight.Columns;
        float* odd = expanded.OddSums(length);
        new Span<float>(sums, length).Clear();
        new Span<float>(odd, length).Clear();
        int column = 0;
        do
        {
            int columns = Math.Min(ExpandedPanels.MaxFloatColumns, weight.Columns - column);
            long offset = column * (long)TFloats.ColumnBytes;
            FloatPanels<TVector, TFloats>.Expand(weight.Panel(panel) + offset, columns, expanded.Floats);
            FloatPanels<TVector, TFloats>.Expand(weight.Panel(second) + offset, columns, expanded.Floats + PanelFormat.Rows);
            for (int token = 0; token < count; token += Rows)
            {
                float* values = floats + (nint)token * stride + column, evenSums = sums + Width * token, oddSums = odd + Width * token;
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

    public override void Prefetch(byte* begin, byte* end) => Prefetching.All<TVector>(begin, end);

    public override void AddVector(PanelMatrix weight, int first, int count, float* u, float* y)
    {
        int columns = weight.Columns, panel = 0;
        nint next = (nint)weight.PanelBytes;
        byte* column = weight.Panel(first);
        // Two chains at a time; the machine itself takes the next before these end.
        for (; panel + 2 <= count; panel += 2, column += next, y += 2 * PanelFormat.Rows)
        {
            TVector sum = TVector.Load((byte*)y), other = TVector.Load((byte*)(y + PanelFormat.Rows));
            for (int k = 0; k < columns; k++, column += TFloats.ColumnBytes)
            {
                TVector value = TVector.BroadcastFloat(u + k);
                sum = TVector.MultiplyAdd(TFloats.Load<TVector>(column), value, sum);
                other = TVector.MultiplyAdd(TFloats.Load<TVector>(column + next), value, other);
            }
            TVector.Store(sum, (byte*)y);
            TVector.Store(other, (byte*)(y + PanelFormat.Rows));
        }
        if (panel == count)
            return;
        TVector last = TVector.Load((byte*)y);
        for (int k = 0; k < columns; k++, column += TFloats.ColumnBytes)
            last = TVector.MultiplyAdd(TFloats.Load<TVector>(column), TVector.BroadcastFloat(u + k), last);
        TVector.Store(last, (byte*)y);
    }

    public override void AddTiles(PanelMatrix weight, int panel, int tokens, float* u, int strideU, float* y, int strideY)
    {
        ExpandedPanels expanded = ExpandedPanels.OfThread;
        for (int column = 0, columns; column < weight.Columns; column += columns)
        {
            columns = Math.Min(ExpandedPanels.MaxFloatColumns, weight.Columns - column);
            long offset = column * (long)TFloats.ColumnBytes;
            FloatPanels<TVector, TFloats>.Expand(weight.Panel(panel) + offset, columns, expanded.Floats);
            FloatPanels<TVector, TFloats>.Expand(weight.Panel(panel + 1) + offset, columns, expanded.Floats + PanelFormat.Rows);
            for (int token = 0; token < tokens; token += FloatTile<TWide>.Rows)
            {
                FloatTile<TWide>.Add(u + (nint)token * strideU + column, strideU, 1, expanded.Floats, TileOutput.PairWidth, y + (nint)token * strideY, strideY,
                    columns);
            }
        }
    }
}
