using System.Runtime.CompilerServices;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// Dot products in vectors of eight rows whose integers join float sums of sixteen: half the multiplications of the group's end, which are executed where dot
/// products are, and half the registers of sums, which so stay in registers. Same bits as <see cref="EachTile{TVector, TCodes, TKind}"/>.
/// </summary>
/// <typeparam name="TVector">Eight lanes.</typeparam>
/// <typeparam name="TWide">Sixteen.</typeparam>
/// <typeparam name="TJoin">Makes one of two.</typeparam>
/// <typeparam name="TKind">The kind of codes; sums hold a whole group of them.</typeparam>
internal readonly unsafe struct JoinedTile<TVector, TWide, TJoin, TKind> : IPairTile
    where TVector : struct, IPanelVector<TVector>
    where TWide : struct, ICodeVector<TWide>
    where TJoin : struct, IJoin<TVector, TWide>
    where TKind : struct, ICodeKind
{
    public static void Multiply(ExpandedPanels panels, int groups, in QuantizedGroup tokens, float* y, in ComingPanels coming)
    {
        byte* codes = panels.Codes;
        sbyte* x = tokens.Codes;
        float* a = tokens.Scales, scaledSums = tokens.ScaledSums, scales = panels.Scales, extras = panels.Extras;
        int* corrections = TKind.Corrections(tokens);
        TWide y0 = TWide.Load((byte*)y), y1 = TWide.Load((byte*)(y + 16)), y2 = TWide.Load((byte*)(y + 32)), y3 = TWide.Load((byte*)(y + 48));
        for (int g = 0; g < groups; g++)
        {
            coming.Ask<TVector>(g);
            TVector p0 = TKind.Correction<TVector>(corrections), p1 = TKind.Correction<TVector>(corrections + 1),
                p2 = TKind.Correction<TVector>(corrections + 2), p3 = TKind.Correction<TVector>(corrections + 3), q0 = p0, q1 = p1, q2 = p2, q3 = p3;
            for (byte* end = codes + 512; codes < end; codes += 64, x += 16)
            {
                TVector w = TVector.Load(codes), v = TVector.Load(codes + 32), four = TVector.BroadcastFour(x);
                p0 = TKind.DotOfExpanded(p0, w, four, 0);
                q0 = TKind.DotOfExpanded(q0, v, four, 0);
                four = TVector.BroadcastFourAt(four, x, 1);
                p1 = TKind.DotOfExpanded(p1, w, four, 1);
                q1 = TKind.DotOfExpanded(q1, v, four, 1);
                four = TVector.BroadcastFourAt(four, x, 2);
                p2 = TKind.DotOfExpanded(p2, w, four, 2);
                q2 = TKind.DotOfExpanded(q2, v, four, 2);
                four = TVector.BroadcastFourAt(four, x, 3);
                p3 = TKind.DotOfExpanded(p3, w, four, 3);
                q3 = TKind.DotOfExpanded(q3, v, four, 3);
            }
            y0 = Joined(y0, p0, q0, scales, extras, a, scaledSums);
            y1 = Joined(y1, p1, q1, scales, extras, a + 1, scaledSums + 1);
            y2 = Joined(y2, p2, q2, scales, extras, a + 2, scaledSums + 2);
            y3 = Joined(y3, p3, q3, scales, extras, a + 3, scaledSums + 3);
            scales += 16;
            corrections += 4;
            extras += 16;
            scaledSums += 4;
            a += 4;
        }
        TWide.Store(y0, (byte*)y);
        TWide.Store(y1, (byte*)(y + 16));
        TWide.Store(y2, (byte*)(y + 32));
        TWide.Store(y3, (byte*)(y + 48));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TWide Joined(TWide y, TVector p, TVector q, float* scales, float* extras, float* a, float* scaledSum) =>
        TKind.Joined(y, TJoin.Join(TKind.Integers(p), TKind.Integers(q)), scales, extras, TWide.BroadcastFloat(a), scaledSum);
}

/// <summary>Two vectors of eight lanes as one of sixteen.</summary>
internal interface IJoin<TVector, TWide>
{
    static abstract TWide Join(TVector low, TVector high);
}
