using MeKi.Kernels.Kv;
using MeKi.Kernels.Panels;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Attending;

/// <summary>Attention's arithmetic in one vocabulary of vectors.</summary>
/// <typeparam name="TVector">Eight lanes.</typeparam>
/// <typeparam name="TWide">Sixteen.</typeparam>
/// <typeparam name="TKeyTile">How Q8_0 keys meet four rows.</typeparam>
internal sealed unsafe class VectorAttentionKernels<TVector, TWide, TKeyTile> : AttentionKernels
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, IWideVector<TWide>
    where TKeyTile : struct, IPairTile
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
        float* lanes = stackalloc float[16];
        TWide max = TWide.Load(scores + first);
        for (int i = first + 16; i < end; i += 16)
            max = TWide.MaxNative(TWide.Load(scores + i), max);
        TWide.Store(max, lanes);
        TVector.Store(TVector.MaxNative(TVector.Load((byte*)lanes), TVector.Load((byte*)(lanes + 8))), (byte*)lanes);
        float most = float.MaxNative(
            float.MaxNative(float.MaxNative(lanes[0], lanes[1]), float.MaxNative(lanes[2], lanes[3])),
            float.MaxNative(float.MaxNative(lanes[4], lanes[5]), float.MaxNative(lanes[6], lanes[7])));

        TWide negated = TWide.Constant(-most);
        TVector total = TVector.Zero;
        for (int i = first; i < end; i += 16)
        {
            TWide.Store(ExpPolynomial.OfNegative(TWide.AddFloats(TWide.Load(scores + i), negated)), scores + i);
            // By eight lanes, whatever the register.
            total = TVector.AddFloats(total, TVector.Load((byte*)(scores + i)));
            total = TVector.AddFloats(total, TVector.Load((byte*)(scores + i + 8)));
        }
        TVector.Store(total, (byte*)lanes);
        float all = 0;
        for (int lane = 0; lane < 8; lane++)
            all += lanes[lane];
        (largest, sum) = (most, all);
    }

    public override void Join(float* to, float scale, float* part, float partScale, int columns)
    {
        TWide a = TWide.Constant(scale), b = TWide.Constant(partScale);
        for (int i = 0; i < columns; i += 16)
            TWide.Store(TWide.MultiplyAdd(TWide.Load(part + i), b, TWide.Multiply(TWide.Load(to + i), a)), to + i);
    }

    protected override PageKernels Make(KvFormat format) => KvFormats.Of<PageKernels, Maker>(format, default);

    private readonly struct Maker : IKvFormatUser<PageKernels>
    {
        public PageKernels OfFloats<TFormat>()
            where TFormat : struct, IFloatKv
            => new FloatPages<TVector, TWide, TFormat>();

        public PageKernels OfQ8_0() => new Q8_0Pages<TVector, TWide, TKeyTile>();
    }
}
