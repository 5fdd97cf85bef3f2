using System.Runtime.CompilerServices;
using MeKi.Kernels.Formats;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The products of a panel of integer codes with quantised activations: <c>y[r] = Σ over groups g of (scale[g, r] · a[g]) · (Σ over the group's columns of
/// sub-scale · code · x) − minimum[g, r] · (a[g] · Σ x)</c>, a and x the activation's scale and codes. The inner sum is exact in 32-bit integers and in float32
/// (32 columns · 255 · 127 &lt; 2^20; with sub-scales 32 · 32 · 128 · 127 &lt; 2^24); each group then adds to eight float32 lanes by one fused multiply-add, in
/// the order of the columns. One token and four give the same bits.
/// </summary>
/// <remarks>
/// <code>
///              lane 0      lane 1   …   lane 7
/// codes        row 0: c..c+3   row 1   …   row 7      one 32-byte load
/// activations  x: c..c+3       x       …   x          one 4-byte broadcast
/// </code>
/// No lane ever meets another: there is no horizontal addition.
/// </remarks>
internal static unsafe class IntegerPanels<TVector, TCodes, TKind>
    where TVector : struct, IPanelVector<TVector>
    where TCodes : struct, IPanelCodes<TKind>
    where TKind : struct, ICodeKind
{
    // A decoded block's scales and minima: sixteen vectors of eight.
    private const int DecodedFloats = 16 * 8;

    /// <inheritdoc cref="ICodeKind.ByHalves"/>
    public static bool ByHalves
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TKind.ByHalves<TVector>(TCodes.CodeBits);
    }

    /// <summary>Two panels by one token: eight results each.</summary>
    /// <param name="panel">A panel.</param>
    /// <param name="second">Another, best far from it: two streams of memory.</param>
    /// <param name="blocks">Blocks of each.</param>
    /// <param name="x">The token.</param>
    /// <param name="y">Receives the first panel's [8].</param>
    /// <param name="z">Receives the second's.</param>
    /// <returns>Whether the scales were such as <typeparamref name="TScales"/> takes; where not, y and z are to be computed with others.</returns>
    public static bool MultiplyVector<TScales>(byte* panel, byte* second, int blocks, in QuantizedGroup x, float* y, float* z)
        where TScales : struct, IBlockScales
    {
        TVector seen = TVector.Zero, largest = TVector.Zero;
        float* decoded = stackalloc float[2 * DecodedFloats];
        sbyte* codes = x.Codes;
        float* a = x.Scales, scaledSums = x.ScaledSums;
        int* corrections = TKind.Corrections(x);
        TVector total = TVector.Zero, other = TVector.Zero;
        nint distance = (nint)(second - panel);
        for (byte* end = panel + (long)blocks * TCodes.BlockBytes; panel < end; panel += TCodes.BlockBytes)
        {
            TCodes.Decode<TVector>(panel, decoded);
            TCodes.Decode<TVector>(panel + distance, decoded + DecodedFloats);
            // Not total itself: it outlives the call of Decode, which no vector register does, and would be in memory for the whole loop, a chain of some 18
            // cycles a group.
            TVector running = total, otherRunning = other;
            for (int g = 0; g < TCodes.Groups; g++)
            {
                byte* group = panel + TCodes.CodesAt + g * TCodes.GroupBytes, otherGroup = group + distance;
                // Whole lines only: the machine's own prefetching brings the rest, and a fifth step would make a loop of these.
                byte* ahead = group + Prefetching.Bytes, otherAhead = ahead + distance;
                for (int line = 0; TVector.Prefetches && line <= TCodes.GroupBytes - 64; line += 64)
                {
                    TVector.Prefetch(ahead + line);
                    TVector.Prefetch(otherAhead + line);
                }
                byte* subScales = TKind.HaveSubScales ? TCodes.SubScales(panel, decoded, g) : null;
                byte* otherSubScales = TKind.HaveSubScales ? TCodes.SubScales(panel + distance, decoded + DecodedFloats, g) : null;
                Dot(group, otherGroup, codes, corrections, subScales, otherSubScales, out TVector p, out TVector q);
                TVector scale = TScales.OfToken<TVector>(a, ref largest), w = TScales.OfBlock<TVector, TCodes>(panel, decoded, g),
                    v = TScales.OfBlock<TVector, TCodes>(panel + distance, decoded + DecodedFloats, g);
                TScales.See(ref seen, w, v);
                running = TVector.MultiplyAdd(TVector.ToFloat(p), TVector.Multiply(w, scale), running);
                otherRunning = TVector.MultiplyAdd(TVector.ToFloat(q), TVector.Multiply(v, scale), otherRunning);
                if (TKind.HaveMinima)
                {
                    TVector sums = TVector.BroadcastFloat(scaledSums);
                    running = TVector.NegatedMultiplyAdd(decoded + 64 + 8 * g, sums, running);
                    otherRunning = TVector.NegatedMultiplyAdd(decoded + DecodedFloats + 64 + 8 * g, sums, otherRunning);
                }
                codes += 32;
                a++;
                scaledSums++;
                corrections += TKind.HaveSubScales ? 2 : 1;
            }
            total = running;
            other = otherRunning;
        }
        TVector.Store(total, (byte*)y);
        TVector.Store(other, (byte*)z);
        return TScales.Hold(seen, largest);
    }

    /// <summary>
    /// Decodes a run of blocks of two panels for several tokens, the panels alternating by vectors: codes as bytes, eight vectors of each panel for a group.
    /// </summary>
    /// <param name="panel">The run's first block in the first (0) or second (1) panel.</param>
    /// <param name="which">0 or 1.</param>
    /// <param name="blocks">Blocks of the run.</param>
    /// <param name="to">Where they go.</param>
    public static void Expand(byte* panel, int which, int blocks, ExpandedPanels to)
    {
        float* decoded = stackalloc float[DecodedFloats];
        byte* codes = to.Codes + 32 * which;
        float* scales = to.Scales + 8 * which, extras = to.Extras + 8 * which;
        for (byte* end = panel + (long)blocks * TCodes.BlockBytes; panel < end; panel += TCodes.BlockBytes)
        {
            TCodes.Decode<TVector>(panel, decoded);
            for (int g = 0; g < TCodes.Groups; g++, codes += 512, scales += 16)
            {
                byte* group = panel + TCodes.CodesAt + g * TCodes.GroupBytes;
                for (int i = 0; i < 4; i++)
                {
                    TCodes.Codes(group, i, out TVector low, out TVector high);
                    TVector.Store(TKind.Expanded(low), codes + 64 * i);
                    TVector.Store(TKind.Expanded(high), codes + 64 * (i + 4));
                }
                TVector.Store(TCodes.Scale<TVector>(panel, decoded, g), (byte*)scales);
                if (TKind.HaveMinima)
                    extras = StoreExtra(TVector.Load((byte*)(decoded + 64 + 8 * g)), extras);
                for (int half = 0; TKind.HaveSubScales && half < 2; half++)
                    extras = StoreExtra(TVector.LoadSubScales(TCodes.SubScales(panel, decoded, g) + 8 * half), extras);
            }
        }
    }

    /// <summary>Adds the products of two expanded panels and four interleaved tokens to [4 tokens × 2 panels × 8] sums.</summary>
    /// <param name="panels">The panels.</param>
    /// <param name="groups">Groups of 32 columns.</param>
    /// <param name="tokens">The tokens, from the first of these groups on.</param>
    /// <param name="y">The sums, [4 × 16].</param>
    /// <param name="coming">What is asked for meanwhile.</param>
    // 2 × 4: eight integer accumulators, two weights and one broadcast fill sixteen registers, and six loads feed eight dot products. One panel by four tokens
    // would be five loads for four. Loops, not straight lines: the just-in-time compiler stops inlining where a method has grown too much, and nothing in here
    // may be left a call.
    public static void MultiplyTile(ExpandedPanels panels, int groups, in QuantizedGroup tokens, float* y, in ComingPanels coming)
    {
        byte* codes = panels.Codes;
        sbyte* x = tokens.Codes;
        float* a = tokens.Scales, scaledSums = tokens.ScaledSums, scales = panels.Scales, extras = panels.Extras;
        int* corrections = TKind.Corrections(tokens);
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
            AddPair(y, p0, q0, scales, extras, a, scaledSums);
            AddPair(y + 16, p1, q1, scales, extras, a + 1, scaledSums + 1);
            AddPair(y + 32, p2, q2, scales, extras, a + 2, scaledSums + 2);
            AddPair(y + 48, p3, q3, scales, extras, a + 3, scaledSums + 3);
            scales += 16;
            corrections += 4;
            extras += 16;
            scaledSums += 4;
            a += 4;
        }
    }

    /// <summary><see cref="MultiplyTile"/> for sums of half groups.</summary>
    // One panel after the other: four of its weights in registers meet four tokens, so that a half's partial sum is one register for as long as it takes.
    public static void MultiplyTileByHalves(ExpandedPanels panels, int groups, in QuantizedGroup tokens, float* y, in ComingPanels coming)
    {
        byte* codes = panels.Codes, subScales = (byte*)panels.Extras;
        sbyte* x = tokens.Codes;
        float* a = tokens.Scales, scaledSums = tokens.ScaledSums, scales = panels.Scales, minima = panels.Extras;
        int* corrections = TKind.Corrections(tokens);
        for (int g = 0; g < groups; g++)
        {
            coming.Ask<TVector>(g);
            for (int panel = 0; panel < 2; panel++)
            {
                TVector s0 = TVector.Zero, s1 = s0, s2 = s0, s3 = s0;
                for (byte* half = codes, end = codes + 512; half < end; half += 256, x += 64, corrections += 4, subScales += 64)
                {
                    TVector w0 = TVector.Load(half), w1 = TVector.Load(half + 64), w2 = TVector.Load(half + 128), w3 = TVector.Load(half + 192);
                    TVector f0 = TVector.BroadcastFour(x), f1 = TVector.BroadcastFour(x + 16), f2 = TVector.BroadcastFour(x + 32),
                        f3 = TVector.BroadcastFour(x + 48);
                    s0 = AddHalf(s0, w0, w1, w2, w3, f0, f1, f2, f3, 0, corrections, subScales);
                    (f0, f1, f2, f3) = (TVector.BroadcastFourAt(f0, x, 1), TVector.BroadcastFourAt(f1, x + 16, 1), TVector.BroadcastFourAt(f2, x + 32, 1),
                        TVector.BroadcastFourAt(f3, x + 48, 1));
                    s1 = AddHalf(s1, w0, w1, w2, w3, f0, f1, f2, f3, 1, corrections, subScales);
                    (f0, f1, f2, f3) = (TVector.BroadcastFourAt(f0, x, 2), TVector.BroadcastFourAt(f1, x + 16, 2), TVector.BroadcastFourAt(f2, x + 32, 2),
                        TVector.BroadcastFourAt(f3, x + 48, 2));
                    s2 = AddHalf(s2, w0, w1, w2, w3, f0, f1, f2, f3, 2, corrections, subScales);
                    (f0, f1, f2, f3) = (TVector.BroadcastFourAt(f0, x, 3), TVector.BroadcastFourAt(f1, x + 16, 3), TVector.BroadcastFourAt(f2, x + 32, 3),
                        TVector.BroadcastFourAt(f3, x + 48, 3));
                    s3 = AddHalf(s3, w0, w1, w2, w3, f0, f1, f2, f3, 3, corrections, subScales);
                }
                TKind.Add(y, s0, scales, minima, TVector.BroadcastFloat(a), scaledSums);
                TKind.Add(y + 16, s1, scales, minima, TVector.BroadcastFloat(a + 1), scaledSums + 1);
                TKind.Add(y + 32, s2, scales, minima, TVector.BroadcastFloat(a + 2), scaledSums + 2);
                TKind.Add(y + 48, s3, scales, minima, TVector.BroadcastFloat(a + 3), scaledSums + 3);
                codes += 32;
                y += 8;
                scales += 8;
                minima += 8;
                // Back to the group's first half, in the second panel's sub-scales.
                x -= 128;
                corrections -= 8;
                subScales -= 96;
            }
            codes += 448;
            y -= 16;
            x += 128;
            corrections += 8;
            subScales += 64;
            scaledSums += 4;
            a += 4;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddPair(float* y, TVector p, TVector q, float* scales, float* extras, float* a, float* scaledSum)
    {
        TVector scale = TVector.BroadcastFloat(a);
        TKind.Add(y, TKind.Integers(p), scales, extras, scale, scaledSum);
        TKind.Add(y + 8, TKind.Integers(q), scales + 8, extras + 8, scale, scaledSum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector AddHalf(
        TVector sums, TVector w0, TVector w1, TVector w2, TVector w3, TVector f0, TVector f1, TVector f2, TVector f3, int token, int* corrections,
        byte* subScales)
    {
        TVector half = TVector.AddDot(TKind.Correction<TVector>(corrections + token), w0, f0, token);
        half = TVector.AddDot(half, w1, f1, token);
        half = TVector.AddDot(half, w2, f2, token);
        half = TVector.AddDot(half, w3, f3, token);
        return TKind.AddHalf(sums, half, subScales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* StoreExtra(TVector vector, float* to)
    {
        TVector.Store(vector, (byte*)to);
        return to + 16;
    }

    /// <summary>The integer sums of a group of two panels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Dot(byte* group, byte* second, sbyte* x, int* corrections, byte* subScales, byte* otherSubScales, out TVector p, out TVector q)
    {
        TVector a = TKind.Correction<TVector>(corrections), b = TKind.HaveSubScales ? TKind.Correction<TVector>(corrections + 1) : TVector.Zero, c = a, d = b;
        TVector first = TVector.BroadcastFour(x), last = TVector.BroadcastFour(x + 16);
        Step(group, second, 0, ref a, ref b, ref c, ref d, first, last);
        (first, last) = (TVector.BroadcastFourAt(first, x, 1), TVector.BroadcastFourAt(last, x + 16, 1));
        Step(group, second, 1, ref a, ref b, ref c, ref d, first, last);
        (first, last) = (TVector.BroadcastFourAt(first, x, 2), TVector.BroadcastFourAt(last, x + 16, 2));
        Step(group, second, 2, ref a, ref b, ref c, ref d, first, last);
        (first, last) = (TVector.BroadcastFourAt(first, x, 3), TVector.BroadcastFourAt(last, x + 16, 3));
        Step(group, second, 3, ref a, ref b, ref c, ref d, first, last);
        if (TCodes.HighShift<TVector>() > 0)
            (b, d) = (TVector.ShiftLanesRight(b, TCodes.HighShift<TVector>()), TVector.ShiftLanesRight(d, TCodes.HighShift<TVector>()));
        p = TKind.Sum(a, b, TCodes.CodeBits, subScales);
        q = TKind.Sum(c, d, TCodes.CodeBits, otherSubScales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(byte* group, byte* second, int i, ref TVector a, ref TVector b, ref TVector c, ref TVector d, TVector first, TVector last)
    {
        TCodes.ShiftedCodes(group, i, out TVector low, out TVector high);
        TKind.Dot(ref a, low, first, i);
        TKind.Dot(ref b, high, last, i);
        TCodes.ShiftedCodes(second, i, out low, out high);
        TKind.Dot(ref c, low, first, i);
        TKind.Dot(ref d, high, last, i);
    }
}
