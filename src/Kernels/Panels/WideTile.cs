using System.Runtime.CompilerServices;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The products of two pairs of expanded panels and four interleaved tokens, in vectors as wide as a pair: sixteen rows a vector. Same bits as <see
/// cref="IntegerPanels{TVector, TCodes, TKind}"/>.
/// </summary>
/// <remarks>
/// <code>
///              lane 0        …   lane 7   lane 8         …   lane 15
/// codes        row 0: c..c+3     row 7    row 8: c..c+3      row 15    one 64-byte load: a chunk of an expanded pair
/// activations  x: c..c+3         x        x                  x         one 4-byte broadcast
/// </code>
/// 32 rows × 4 tokens: eight partial sums, two weights and one broadcast, six loads for eight dot products. Partial sums have 16 bits, and with four-bit codes
/// hold a whole group of 32 columns. The eight float sums stay in registers, of which there are 32.
/// </remarks>
internal static unsafe class WideTile<TWide, TKind>
    where TWide : struct, ICodeVector<TWide>
    where TKind : struct, ICodeKind
{
    private const int Group = 512, Chunk = 64, Half = Group / 2;

    /// <summary>Adds the products to [4 tokens × 16 rows] sums of each pair.</summary>
    /// <param name="pair">Two panels.</param>
    /// <param name="second">Two others.</param>
    /// <param name="groups">Groups of 32 columns.</param>
    /// <param name="tokens">The tokens, from the first of these groups on.</param>
    /// <param name="y">The first pair's sums, [4 × 16].</param>
    /// <param name="z">The second's.</param>
    /// <param name="coming">What is asked for meanwhile.</param>
    public static void Multiply(ExpandedPanels pair, ExpandedPanels second, int groups, in QuantizedGroup tokens, float* y, float* z, in ComingPanels coming)
    {
        byte* codes = pair.Codes, others = second.Codes;
        sbyte* x = tokens.Codes;
        float* a = tokens.Scales, scaledSums = tokens.ScaledSums;
        float* scales = pair.Scales, extras = pair.Extras, otherScales = second.Scales, otherExtras = second.Extras;
        int* corrections = TKind.Corrections(tokens);
        TWide y0 = TWide.Load((byte*)y), y1 = TWide.Load((byte*)(y + 16)), y2 = TWide.Load((byte*)(y + 32)), y3 = TWide.Load((byte*)(y + 48));
        TWide z0 = TWide.Load((byte*)z), z1 = TWide.Load((byte*)(z + 16)), z2 = TWide.Load((byte*)(z + 32)), z3 = TWide.Load((byte*)(z + 48));
        for (int g = 0; g < groups; g++)
        {
            coming.Ask<TWide>(g);
            TWide p0 = TKind.Correction<TWide>(corrections), p1 = TKind.Correction<TWide>(corrections + 1), p2 = TKind.Correction<TWide>(corrections + 2),
                p3 = TKind.Correction<TWide>(corrections + 3), q0 = p0, q1 = p1, q2 = p2, q3 = p3;
            for (byte* end = codes + Group; codes < end; codes += Chunk, others += Chunk, x += 16)
            {
                TWide w = TWide.Load(codes), v = TWide.Load(others), four = TWide.BroadcastFour(x);
                p0 = TKind.DotOfExpanded(p0, w, four, 0);
                q0 = TKind.DotOfExpanded(q0, v, four, 0);
                four = TWide.BroadcastFourAt(four, x, 1);
                p1 = TKind.DotOfExpanded(p1, w, four, 1);
                q1 = TKind.DotOfExpanded(q1, v, four, 1);
                four = TWide.BroadcastFourAt(four, x, 2);
                p2 = TKind.DotOfExpanded(p2, w, four, 2);
                q2 = TKind.DotOfExpanded(q2, v, four, 2);
                four = TWide.BroadcastFourAt(four, x, 3);
                p3 = TKind.DotOfExpanded(p3, w, four, 3);
                q3 = TKind.DotOfExpanded(q3, v, four, 3);
            }
            AddToken(ref y0, ref z0, TKind.Integers(p0), TKind.Integers(q0), scales, extras, otherScales, otherExtras, a, scaledSums, 0);
            AddToken(ref y1, ref z1, TKind.Integers(p1), TKind.Integers(q1), scales, extras, otherScales, otherExtras, a, scaledSums, 1);
            AddToken(ref y2, ref z2, TKind.Integers(p2), TKind.Integers(q2), scales, extras, otherScales, otherExtras, a, scaledSums, 2);
            AddToken(ref y3, ref z3, TKind.Integers(p3), TKind.Integers(q3), scales, extras, otherScales, otherExtras, a, scaledSums, 3);
            scales += 16;
            otherScales += 16;
            extras += 16;
            otherExtras += 16;
            corrections += 4;
            scaledSums += 4;
            a += 4;
        }
        Store(y, y0, y1, y2, y3);
        Store(z, z0, z1, z2, z3);
    }

    /// <summary><see cref="Multiply"/> for sums of half groups: four chunks' partial sums join 32-bit integers, with sub-scales or without.</summary>
    public static void MultiplyByHalves(
        ExpandedPanels pair, ExpandedPanels second, int groups, in QuantizedGroup tokens, float* y, float* z, in ComingPanels coming)
    {
        byte* codes = pair.Codes, others = second.Codes;
        sbyte* x = tokens.Codes;
        float* a = tokens.Scales, scaledSums = tokens.ScaledSums;
        float* scales = pair.Scales, extras = pair.Extras, otherScales = second.Scales, otherExtras = second.Extras;
        int* corrections = TKind.Corrections(tokens);
        TWide y0 = TWide.Load((byte*)y), y1 = TWide.Load((byte*)(y + 16)), y2 = TWide.Load((byte*)(y + 32)), y3 = TWide.Load((byte*)(y + 48));
        TWide z0 = TWide.Load((byte*)z), z1 = TWide.Load((byte*)(z + 16)), z2 = TWide.Load((byte*)(z + 32)), z3 = TWide.Load((byte*)(z + 48));
        for (int g = 0; g < groups; g++)
        {
            coming.Ask<TWide>(g);
            TWide s0 = TWide.Zero, s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
            float* subScales = extras, otherSubScales = otherExtras;
            for (byte* groupEnd = codes + Group; codes < groupEnd;)
            {
                TWide p0 = TKind.Correction<TWide>(corrections), p1 = TKind.Correction<TWide>(corrections + 1), p2 = TKind.Correction<TWide>(corrections + 2),
                    p3 = TKind.Correction<TWide>(corrections + 3), q0 = p0, q1 = p1, q2 = p2, q3 = p3;
                for (byte* end = codes + Half; codes < end; codes += Chunk, others += Chunk, x += 16)
                {
                    TWide w = TWide.Load(codes), v = TWide.Load(others), four = TWide.BroadcastFour(x);
                    (p0, q0) = (TWide.AddDot(p0, w, four, 0), TWide.AddDot(q0, v, four, 0));
                    four = TWide.BroadcastFourAt(four, x, 1);
                    (p1, q1) = (TWide.AddDot(p1, w, four, 1), TWide.AddDot(q1, v, four, 1));
                    four = TWide.BroadcastFourAt(four, x, 2);
                    (p2, q2) = (TWide.AddDot(p2, w, four, 2), TWide.AddDot(q2, v, four, 2));
                    four = TWide.BroadcastFourAt(four, x, 3);
                    (p3, q3) = (TWide.AddDot(p3, w, four, 3), TWide.AddDot(q3, v, four, 3));
                }
                s0 = TKind.AddHalf(s0, p0, (byte*)subScales);
                s1 = TKind.AddHalf(s1, p1, (byte*)subScales);
                s2 = TKind.AddHalf(s2, p2, (byte*)subScales);
                s3 = TKind.AddHalf(s3, p3, (byte*)subScales);
                t0 = TKind.AddHalf(t0, q0, (byte*)otherSubScales);
                t1 = TKind.AddHalf(t1, q1, (byte*)otherSubScales);
                t2 = TKind.AddHalf(t2, q2, (byte*)otherSubScales);
                t3 = TKind.AddHalf(t3, q3, (byte*)otherSubScales);
                subScales += 16;
                otherSubScales += 16;
                corrections += 4;
            }
            AddToken(ref y0, ref z0, s0, t0, scales, extras, otherScales, otherExtras, a, scaledSums, 0);
            AddToken(ref y1, ref z1, s1, t1, scales, extras, otherScales, otherExtras, a, scaledSums, 1);
            AddToken(ref y2, ref z2, s2, t2, scales, extras, otherScales, otherExtras, a, scaledSums, 2);
            AddToken(ref y3, ref z3, s3, t3, scales, extras, otherScales, otherExtras, a, scaledSums, 3);
            scales += 16;
            otherScales += 16;
            // Minima, one vector a group, or sub-scales, two.
            extras += TKind.HaveSubScales ? 32 : 16;
            otherExtras += TKind.HaveSubScales ? 32 : 16;
            scaledSums += 4;
            a += 4;
        }
        Store(y, y0, y1, y2, y3);
        Store(z, z0, z1, z2, z3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddToken(ref TWide y, ref TWide z, TWide p, TWide q, float* scales, float* extras, float* otherScales, float* otherExtras, float* a,
        float* scaledSums, int token)
    {
        TWide scale = TWide.BroadcastFloat(a + token);
        y = TKind.Joined(y, p, scales, extras, scale, scaledSums + token);
        z = TKind.Joined(z, q, otherScales, otherExtras, scale, scaledSums + token);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* to, TWide a, TWide b, TWide c, TWide d)
    {
        TWide.Store(a, (byte*)to);
        TWide.Store(b, (byte*)(to + 16));
        TWide.Store(c, (byte*)(to + 32));
        TWide.Store(d, (byte*)(to + 48));
    }
}
