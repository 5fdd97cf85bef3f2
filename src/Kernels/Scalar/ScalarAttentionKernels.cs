using MeKi.Kernels.Attending;
using MeKi.Kernels.Kv;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Scalar;

/// <summary>Attention's arithmetic in plain loops over keys and values taken out of their pages: the meaning of the vector kernels, to the last bit.</summary>
internal sealed unsafe class ScalarAttentionKernels : AttentionKernels
{
    private const int Lanes = 8;

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

    public override void Join(float* to, float scale, float* part, float partScale, int columns)
    {
        for (int i = 0; i < columns; i++)
            to[i] = MathF.FusedMultiplyAdd(part[i], partScale, to[i] * scale);
    }

    protected override PageKernels Make(KvFormat format) => KvFormats.Of<PageKernels, Maker>(format, default);

    private readonly struct Maker : IKvFormatUser<PageKernels>
    {
        public PageKernels OfFloats<TFormat>()
            where TFormat : struct, IFloatKv
            => new ScalarFloatPages<TFormat>();

        public PageKernels OfQ8_0() => new ScalarQ8_0Pages();
    }
}
