using MeKi.Kernels.Formats;
using MeKi.Quant;

namespace MeKi.Kernels.Scalar;

/// <summary>Those of a format of floats.</summary>
internal sealed unsafe class ScalarFloatProducts<TFloats> : ScalarProducts
    where TFloats : struct, IPanelFloats
{
    [ThreadStatic]
    private static float[]? t_row;

    public override void AddVector(PanelMatrix weight, int first, int count, float* u, float* y)
    {
        for (int row = 0; row < PanelFormat.Rows * count; row++)
        {
            byte* values = weight.Panel(first + row / PanelFormat.Rows);
            for (int column = 0; column < weight.Columns; column++)
                y[row] = MathF.FusedMultiplyAdd(TFloats.Read(values + (long)column * TFloats.ColumnBytes, row % PanelFormat.Rows), u[column], y[row]);
        }
    }

    public override void AddTiles(PanelMatrix weight, int panel, int tokens, float* u, int strideU, float* y, int strideY)
    {
        for (int token = 0; token < tokens; token++)
            AddVector(weight, panel, 2, u + (nint)token * strideU, y + (nint)token * strideY);
    }

    protected override void MultiplyPanel(PanelMatrix weight, int panel, in Tokens tokens, float* floats, float* y)
    {
        byte* values = weight.Panel(panel);
        int columns = weight.Columns;
        if (t_row is null || t_row.Length < columns)
            t_row = new float[columns];
        Span<float> w = t_row.AsSpan(0, columns);
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            for (int column = 0; column < columns; column++)
                w[column] = TFloats.Read(values + (long)column * TFloats.ColumnBytes, row);
            for (int t = 0; t < tokens.Count; t++)
            {
                float even = 0, odd = 0;
                for (int column = 0; column < columns; column++)
                {
                    float v = floats[(long)t * columns + column];
                    if (column % 2 == 0)
                        even = MathF.FusedMultiplyAdd(w[column], v, even);
                    else
                        odd = MathF.FusedMultiplyAdd(w[column], v, odd);
                }
                y[Stride * t + row] = even + odd;
            }
        }
    }
}
