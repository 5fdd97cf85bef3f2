using MeKi.Kernels.Attending;
using MeKi.Kernels.Kv;

namespace MeKi.Kernels.Scalar;

/// <summary>Pages of floats: one multiply-add after the other, with the numbers as the vector kernels see them.</summary>
internal sealed unsafe class ScalarFloatPages<TFormat> : PageKernels
    where TFormat : struct, IFloatKv
{
    private const int Block = KvLayout.BlockColumns, PageLength = KvPage.Positions;

    public override void Score(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores)
    {
        Span<float> key = stackalloc float[Block];
        for (int position = first; position < end; position++)
        {
            for (int r = 0; r < rows; r++)
                scores[r * PageLength + position] = 0;
            for (int block = 0; block < layout.Blocks; block++)
            {
                TFormat.LoadKey(keys, layout.Blocks, position, block, key);
                foreach (ref float number in key)
                    number /= TFormat.Factor;
                for (int r = 0; r < rows; r++)
                {
                    float* query = queries.Row(kvHead, row + r) + block * Block;
                    ref float score = ref scores[r * PageLength + position];
                    for (int i = 0; i < Block; i++)
                        score = MathF.FusedMultiplyAdd(query[i], key[i], score);
                }
            }
        }
    }

    public override void Sum(KvLayout layout, byte* values, int first, int end, float* weights, int rows, float* sums, int stride)
    {
        Span<float> value = stackalloc float[Block];
        for (int r = 0; r < rows; r++)
            new Span<float>(sums + (long)r * stride, layout.Columns).Clear();
        for (int block = 0; block < layout.Blocks; block++)
        {
            for (int position = first; position < end; position++)
            {
                TFormat.LoadValue(values, position, block, value);
                foreach (ref float number in value)
                    number /= TFormat.Factor;
                for (int r = 0; r < rows; r++)
                {
                    float weight = weights[r * PageLength + position] * TFormat.Factor;
                    float* sum = sums + (long)r * stride + block * Block;
                    for (int i = 0; i < Block; i++)
                        sum[i] = MathF.FusedMultiplyAdd(weight, value[i], sum[i]);
                }
            }
        }
    }
}
