using MeKi.Kernels.Kv;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Attending;

/// <summary>Attention's arithmetic in one vocabulary of vectors.</summary>
/// <typeparam name="TVector">Eight lanes.</typeparam>
/// <typeparam name="TWide">Sixteen.</typeparam>
internal sealed unsafe class VectorAttentionKernels<TVector, TWide> : AttentionKernels
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
{
    public override void Weigh(float* scores, int first, int end, int firstSeen, int endSeen, out float largest, out float sum)
    {
        if (firstSeen == endSeen)
        {
            (largest, sum) = (float.NegativeInfinity, 0);
            new Span<float>(scores + first, end - first).Clear();
            return;
        }
        new Span<float>(scores + first, firstSeen - first).Fill(float.NegativeInfinity);
        new Span<float>(scores + endSeen, end - endSeen).Fill(float.NegativeInfinity);
        float* lanes = stackalloc float[8];
        TVector max = TVector.Load((byte*)(scores + first));
        for (int i = first + 8; i < end; i += 8)
            max = TVector.MaxNative(TVector.Load((byte*)(scores + i)), max);
        TVector.Store(max, (byte*)lanes);
        float most = lanes[0], all = 0;
        for (int lane = 1; lane < 8; lane++)
            most = MathF.Max(most, lanes[lane]);

        TVector negated = TVector.Constant(-most), total = TVector.Zero;
        for (int i = first; i < end; i += 8)
        {
            TVector weight = ExpPolynomial.OfNegative(TVector.AddFloats(TVector.Load((byte*)(scores + i)), negated));
            TVector.Store(weight, (byte*)(scores + i));
            total = TVector.AddFloats(total, weight);
        }
        TVector.Store(total, (byte*)lanes);
        for (int lane = 0; lane < 8; lane++)
            all += lanes[lane];
        (largest, sum) = (most, all);
    }

    public override void Join(float* to, float scale, float* part, float partScale, int columns)
    {
        TVector a = TVector.Constant(scale), b = TVector.Constant(partScale);
        for (int i = 0; i < columns; i += 8)
            TVector.Store(TVector.MultiplyAdd(TVector.Load((byte*)(part + i)), b, TVector.Multiply(TVector.Load((byte*)(to + i)), a)), (byte*)(to + i));
    }

    protected override PageKernels Make(KvFormat format) => KvFormats.Of<PageKernels, Maker>(format, default);

    private readonly struct Maker : IKvFormatUser<PageKernels>
    {
        public PageKernels OfFloats<TFormat>()
            where TFormat : struct, IFloatKv
            => new FloatPages<TVector, TWide, TFormat>();

        public PageKernels OfQ8_0() => new Q8_0Pages<TVector, TWide>();
    }
}
