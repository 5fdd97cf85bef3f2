using MeKi.Kernels.Attending;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Scalar;

/// <summary>Pages in Q8_0: codes meet codes of the queries in integers, and weights meet a position's scale before its codes.</summary>
internal sealed unsafe class ScalarQ8_0Pages : PageKernels
{
    private const int Block = KvLayout.BlockColumns, PageLength = KvPage.Positions;

    public override void Score(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores)
    {
        PanelFormat panels = PanelFormat.Find(GgmlType.Q8_0)!;
        Span<byte> block = stackalloc byte[Q8_0.Bytes];
        for (int position = first; position < end; position++)
        {
            for (int r = 0; r < rows; r++)
                scores[r * PageLength + position] = 0;
            for (int b = 0; b < layout.Blocks; b++)
            {
                long panel = (long)(position / PanelFormat.Rows * layout.Blocks + b) * panels.BlockBytes;
                panels.Unpack(new(keys + panel, panels.BlockBytes), position % PanelFormat.Rows, block);
                float scale = (float)BitConverter.ToHalf(block);
                for (int r = 0; r < rows; r++)
                {
                    (float a, int sum) = Dot(block[Q8_0.CodesAt..], queries, kvHead, row + r, b);
                    scores[r * PageLength + position] = MathF.FusedMultiplyAdd(sum, scale * a, scores[r * PageLength + position]);
                }
            }
        }
    }

    public override void Sum(KvLayout layout, byte* values, int first, int end, float* weights, int rows, float* sums, int stride)
    {
        for (int r = 0; r < rows; r++)
            new Span<float>(sums + (long)r * stride, layout.Columns).Clear();
        for (int block = 0; block < layout.Blocks; block++)
        {
            byte* from = values + (long)Q8_0.Bytes * PageLength * block;
            for (int position = first; position < end; position++)
            {
                sbyte* codes = (sbyte*)from + Q8_0Kv.ScaleBytes + Block * position;
                for (int r = 0; r < rows; r++)
                {
                    float weight = weights[r * PageLength + position] * (float)((Half*)from)[position];
                    float* sum = sums + (long)r * stride + block * Block;
                    for (int i = 0; i < Block; i++)
                        sum[i] = MathF.FusedMultiplyAdd(weight, codes[i], sum[i]);
                }
            }
        }
    }

    private static (float Scale, int Sum) Dot(ReadOnlySpan<byte> codes, AttentionQueries queries, int kvHead, int row, int block)
    {
        const int Interleave = QuantizedActivations.TileTokens;
        int token = row % Interleave, sum = 0;
        QuantizedGroup group = queries.Group(kvHead, row - token);
        sbyte* x = group.Codes + block * Block * Interleave + 4 * token;
        for (int i = 0; i < Block; i++)
            sum += (sbyte)codes[i] * x[(i / 4 * 4 * Interleave) + i % 4];
        return (group.Scales[block * Interleave + token], sum);
    }
}
