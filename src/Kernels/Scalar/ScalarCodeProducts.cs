using MeKi.Kernels.Formats;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Scalar;

/// <summary>Those of a format of integer codes.</summary>
internal sealed unsafe class ScalarCodeProducts<TCodes, TKind> : ScalarProducts
    where TCodes : struct, IPanelCodes<TKind>
    where TKind : struct, ICodeKind
{
    protected override void MultiplyPanel(PanelMatrix weight, int panel, in Tokens tokens, float* floats, float* y)
    {
        const int Group = QuantizedActivations.BlockColumns;
        BlockFormat format = weight.Format.Block;
        Span<byte> bytes = stackalloc byte[format.BlockBytes];
        Span<short> codes = stackalloc short[format.BlockSize];
        Span<float> scales = stackalloc float[TCodes.Groups], minima = stackalloc float[TCodes.Groups];
        for (int row = 0; row < PanelFormat.Rows; row++)
        {
            for (int t = 0; t < tokens.Count; t++)
                y[Stride * t + row] = 0;
            for (int b = 0; b < weight.Blocks; b++)
            {
                weight.Format.Unpack(new(weight.Panel(panel) + (long)b * weight.Format.BlockBytes, weight.Format.BlockBytes), row, bytes);
                TCodes.Read(bytes, codes, scales, minima);
                for (int t = 0; t < tokens.Count; t++)
                {
                    for (int group = 0; group < TCodes.Groups; group++)
                    {
                        int block = b * TCodes.Groups + group;
                        sbyte* x = tokens.Codes(t, block);
                        int integers = 0;
                        for (int i = 0; i < Group; i++)
                            integers += codes[Group * group + i] * x[(i / 4 * tokens.Interleave * 4) + i % 4];
                        float sum = MathF.FusedMultiplyAdd(integers, scales[group] * tokens.Scale(t, block), y[Stride * t + row]);
                        y[Stride * t + row] = TKind.HaveMinima ? MathF.FusedMultiplyAdd(-minima[group], tokens.ScaledSum(t, block), sum) : sum;
                    }
                }
            }
        }
    }
}
