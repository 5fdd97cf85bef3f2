using MeKi.Kernels.Attending;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Scalar;

/// <summary>Attention's arithmetic in plain loops over keys and values taken out of their pages: the meaning of the vector kernels, to the last bit.</summary>
internal sealed unsafe class ScalarAttentionKernels : AttentionKernels
{
    private const int Lanes = 8, Block = KvLayout.BlockColumns, PageLength = KvPage.Positions;

    public override void Score(KvLayout layout, byte* keys, int first, int end, AttentionQueries queries, int kvHead, int row, int rows, float* scores)
    {
        Span<float> key = stackalloc float[Block];
        Span<sbyte> codes = stackalloc sbyte[Block];
        for (int position = first; position < end; position++)
        {
            for (int r = 0; r < rows; r++)
                scores[r * PageLength + position] = 0;
            for (int block = 0; block < layout.Blocks; block++)
            {
                float scale = ReadKey(layout, keys, position, block, key, codes);
                for (int r = 0; r < rows; r++)
                {
                    ref float score = ref scores[r * PageLength + position];
                    if (layout.Keys == KvFormat.Q8_0)
                    {
                        (float a, int sum) = Dot(codes, queries, kvHead, row + r, block);
                        score = MathF.FusedMultiplyAdd(sum, scale * a, score);
                        continue;
                    }
                    float* query = queries.Row(kvHead, row + r) + block * Block;
                    for (int i = 0; i < Block; i++)
                        score = MathF.FusedMultiplyAdd(query[i], key[i], score);
                }
            }
        }
    }

    public override void Weigh(float* scores, int first, int end, int firstSeen, int endSeen, out float largest, out float sum)
    {
        (largest, sum) = (float.NegativeInfinity, 0);
        for (int position = firstSeen; position < endSeen; position++)
            largest = MathF.Max(largest, scores[position]);
        Span<float> lanes = stackalloc float[Lanes];
        lanes.Clear();
        for (int position = first; position < end; position++)
        {
            scores[position] = position >= firstSeen && position < endSeen ? ExpPolynomial.OfNegative(scores[position] - largest) : 0;
            lanes[position % Lanes] += scores[position];
        }
        foreach (float lane in lanes)
            sum += lane;
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
                float scale = ReadValue(layout, values, position, block, value);
                for (int r = 0; r < rows; r++)
                {
                    float weight = weights[r * PageLength + position] * scale;
                    float* sum = sums + (long)r * stride + block * Block;
                    for (int i = 0; i < Block; i++)
                        sum[i] = MathF.FusedMultiplyAdd(weight, value[i], sum[i]);
                }
            }
        }
    }

    public override void Join(float* to, float scale, float* part, float partScale, int columns)
    {
        for (int i = 0; i < columns; i++)
            to[i] = MathF.FusedMultiplyAdd(part[i], partScale, to[i] * scale);
    }

    // The scale of Q8_0 and its codes; else the values themselves, those of F16 as the vector kernels see them.
    private static float ReadKey(KvLayout layout, byte* keys, int position, int block, Span<float> values, Span<sbyte> codes)
    {
        switch (layout.Keys)
        {
            case KvFormat.F16:
                HalfStorage.LoadKey(keys, layout.Blocks, position, block, values);
                foreach (ref float value in values)
                    value /= MovedHalf.Scale;
                return 1;
            case KvFormat.F32:
                SingleStorage.LoadKey(keys, layout.Blocks, position, block, values);
                return 1;
            default:
                PanelFormat format = PanelFormat.Find(GgmlType.Q8_0)!;
                Span<byte> canonical = stackalloc byte[QuantizedStorage.BlockBytes];
                long panel = (long)(position / Lanes * layout.Blocks + block) * format.BlockBytes;
                format.Unpack(new(keys + panel, format.BlockBytes), position % Lanes, canonical);
                for (int i = 0; i < Block; i++)
                    codes[i] = (sbyte)canonical[2 + i];
                return (float)BitConverter.ToHalf(canonical);
        }
    }

    // What the weight is to be multiplied with first, and codes or values, those of F16 as the vector kernels see them.
    private static float ReadValue(KvLayout layout, byte* values, int position, int block, Span<float> to)
    {
        switch (layout.Values)
        {
            case KvFormat.F16:
                HalfStorage.LoadValue(values, position, block, to);
                foreach (ref float value in to)
                    value /= MovedHalf.Scale;
                return MovedHalf.Scale;
            case KvFormat.F32:
                SingleStorage.LoadValue(values, position, block, to);
                return 1;
            default:
                byte* from = values + (long)QuantizedStorage.BlockBytes * PageLength * block;
                sbyte* codes = (sbyte*)from + 2 * PageLength + Block * position;
                for (int i = 0; i < Block; i++)
                    to[i] = codes[i];
                return (float)((Half*)from)[position];
        }
    }

    private static (float Scale, int Sum) Dot(ReadOnlySpan<sbyte> codes, AttentionQueries queries, int kvHead, int row, int block)
    {
        const int Interleave = QuantizedActivations.TileTokens;
        int token = row % Interleave, sum = 0;
        QuantizedGroup group = queries.Group(kvHead, row - token);
        sbyte* x = group.Codes + block * Block * Interleave + 4 * token;
        for (int i = 0; i < Block; i++)
            sum += codes[i] * x[(i / 4 * 4 * Interleave) + i % 4];
        return (group.Scales[block * Interleave + token], sum);
    }
}
