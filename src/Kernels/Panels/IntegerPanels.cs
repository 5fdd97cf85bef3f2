using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Panels;

/// <summary>
/// The products of a panel of integer codes with quantised activations: <c>y[r] = Σ over groups g of (scale[g, r] · a[g]) · (Σ over the group's columns of code · x) − minimum[g, r] · (a[g] · Σ x)</c>,
/// a and x the activation's scale and codes. The inner sum is exact in 32-bit integers (32 columns · 255 · 127 &lt; 2^20); each group then adds to eight float32 lanes by
/// one fused multiply-add, in the order of the columns. One token and four give the same bits.
/// </summary>
/// <remarks>
/// <code>
///              lane 0      lane 1   …   lane 7
/// codes        row 0: c..c+3   row 1   …   row 7      one 32-byte load
/// activations  x: c..c+3       x       …   x          one 4-byte broadcast
/// </code>
/// No lane ever meets another: there is no horizontal addition.
/// </remarks>
internal static unsafe class IntegerPanels<TVector, TCodes>
    where TVector : struct, IPanelVector<TVector>
    where TCodes : struct, IPanelCodes
{
    // A decoded block's scales: at most 16 vectors of eight.
    private const int ScaleFloats = 16 * 8;

    private static int ScalesOfGroup
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TCodes.ScalesHalves ? 16 : 8;
    }

    // Partial sums may be narrower than 32 bits: they hold so many chunks of four columns before they are widened.
    private static bool PartialSums
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TCodes.CodeBits != 8 && TVector.DotsPerSum(TCodes.CodeBits) < int.MaxValue;
    }

    private static int ChunksOfRun
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TCodes.CodeBits == 8 ? 8 : Math.Min(TVector.DotsPerSum(TCodes.CodeBits), TCodes.ScalesHalves ? 4 : 8);
    }

    private static int RunsOfScale
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (TCodes.ScalesHalves ? 4 : 8) / ChunksOfRun;
    }

    /// <summary>One panel by one token: eight results.</summary>
    /// <param name="panel">The panel.</param>
    /// <param name="blocks">Its blocks.</param>
    /// <param name="x">The token.</param>
    /// <param name="ahead">How many bytes ahead of the block in work to ask for.</param>
    /// <param name="y">Receives [8].</param>
    public static void MultiplyVector(byte* panel, int blocks, in QuantizedGroup x, int ahead, float* y)
    {
        float* scales = stackalloc float[ScaleFloats];
        sbyte* codes = x.Codes;
        float* a = x.Scales, scaledSums = x.ScaledSums;
        int* sums = TCodes.ScalesHalves ? x.HalfSums : x.Sums;
        TVector total = TVector.Zero;
        for (byte* end = panel + (long)blocks * TCodes.BlockBytes; panel < end; panel += TCodes.BlockBytes)
        {
            TCodes.Scales<TVector>(panel, scales);
            for (int g = 0; g < TCodes.Groups; g++)
            {
                byte* group = panel + TCodes.CodesAt + g * TCodes.GroupBytes;
                for (int line = 0; TVector.Prefetches && line < TCodes.GroupBytes; line += 64)
                    TVector.Prefetch(group + ahead + line);
                TVector scale = TVector.BroadcastFloat(a);
                Dot(group, codes, sums, out TVector low, out TVector high);
                total = AddScaled(total, low, TVector.Load((byte*)(scales + g * ScalesOfGroup)), scale);
                if (TCodes.ScalesHalves)
                    total = AddScaled(total, high, TVector.Load((byte*)(scales + g * ScalesOfGroup + 8)), scale);
                if (TCodes.HasMinima)
                    total = TVector.NegatedMultiplyAdd(TVector.Load((byte*)(scales + 64 + 8 * g)), TVector.BroadcastFloat(scaledSums), total);
                codes += 32;
                a++;
                scaledSums++;
                sums += TCodes.ScalesHalves ? 2 : 1;
            }
        }
        TVector.Store(total, (byte*)y);
    }

    /// <summary>
    /// Decodes a run of blocks of two panels for several tokens, the panels alternating by vectors: codes as bytes, eight vectors of each panel for a group, then the scales
    /// and minima of every group.
    /// </summary>
    /// <param name="panel">The run's first block in the first (0) or second (1) panel.</param>
    /// <param name="which">0 or 1.</param>
    /// <param name="blocks">Blocks of the run.</param>
    /// <param name="to">Where they go.</param>
    public static void Expand(byte* panel, int which, int blocks, ExpandedPanels to)
    {
        float* decoded = stackalloc float[ScaleFloats];
        byte* codes = to.Codes + 32 * which;
        float* scales = to.Scales + 8 * which, minima = to.Minima + 8 * which;
        for (byte* end = panel + (long)blocks * TCodes.BlockBytes; panel < end; panel += TCodes.BlockBytes)
        {
            TCodes.Scales<TVector>(panel, decoded);
            for (int g = 0; g < TCodes.Groups; g++)
            {
                byte* group = panel + TCodes.CodesAt + g * TCodes.GroupBytes;
                for (int i = 0; i < 4; i++)
                {
                    TCodes.Codes(group, i, out TVector low, out TVector high);
                    TVector.Store(low, codes + 64 * i);
                    TVector.Store(high, codes + 64 * (i + 4));
                }
                codes += 512;
                if (TCodes.HasMinima)
                {
                    TVector.Store(TVector.Load((byte*)(decoded + 64 + 8 * g)), (byte*)minima);
                    minima += 16;
                }
            }
            for (int v = 0; v < TCodes.Groups * ScalesOfGroup; v += 8, scales += 16)
                TVector.Store(TVector.Load((byte*)(decoded + v)), (byte*)scales);
        }
    }

    /// <summary>Adds the products of two expanded panels and four interleaved tokens to [4 tokens × 2 panels × 8] sums.</summary>
    /// <param name="panels">The panels.</param>
    /// <param name="groups">Groups of 32 columns.</param>
    /// <param name="tokens">The tokens, from the first of these groups on.</param>
    /// <param name="y">The sums, [4 × 16].</param>
    /// <typeparam name="TKind">What kind of codes they are.</typeparam>
    // 2 × 4: eight integer accumulators, two weights and one broadcast fill sixteen registers, and six loads feed eight dot products. One panel by four tokens took
    // five loads for four and was bound by them.
    // Loops, not straight lines: the just-in-time compiler stops inlining where a method has grown too much, and a call in here costs a factor of five.
    public static void MultiplyTile<TKind>(ExpandedPanels panels, int groups, in QuantizedGroup tokens, float* y)
        where TKind : struct, ITileKind<TVector>
    {
        byte* codes = panels.Codes;
        sbyte* x = tokens.Codes;
        float* a = tokens.Scales, scaledSums = tokens.ScaledSums, scales = panels.Scales, minima = panels.Minima;
        int* sums = TCodes.ScalesHalves ? tokens.HalfSums : tokens.Sums;
        for (int g = 0; g < groups; g++)
        {
            for (int half = 0; half < (TCodes.ScalesHalves ? 2 : 1); half++)
            {
                TVector s0 = First<TKind>(sums), s1 = First<TKind>(sums + 1), s2 = First<TKind>(sums + 2), s3 = First<TKind>(sums + 3);
                TVector t0 = s0, t1 = s1, t2 = s2, t3 = s3;
                for (int run = 0; run < RunsOfScale; run++)
                {
                    TVector p0 = s0, p1 = s1, p2 = s2, p3 = s3, q0 = t0, q1 = t1, q2 = t2, q3 = t3;
                    if (PartialSums)
                        p0 = p1 = p2 = p3 = q0 = q1 = q2 = q3 = TVector.Zero;
                    for (byte* end = codes + 64 * ChunksOfRun; codes < end; codes += 64, x += 16)
                    {
                        TVector w = TVector.Load(codes), v = TVector.Load(codes + 32), wp = TKind.Prepare(w), vp = TKind.Prepare(v);
                        TVector four = TVector.Four(x);
                        p0 = TKind.Dot(p0, w, wp, four, 0);
                        q0 = TKind.Dot(q0, v, vp, four, 0);
                        four = TVector.NextFour(four, x, 1);
                        p1 = TKind.Dot(p1, w, wp, four, 1);
                        q1 = TKind.Dot(q1, v, vp, four, 1);
                        four = TVector.NextFour(four, x, 2);
                        p2 = TKind.Dot(p2, w, wp, four, 2);
                        q2 = TKind.Dot(q2, v, vp, four, 2);
                        four = TVector.NextFour(four, x, 3);
                        p3 = TKind.Dot(p3, w, wp, four, 3);
                        q3 = TKind.Dot(q3, v, vp, four, 3);
                    }
                    s0 = AddRun<TKind>(s0, p0, sums);
                    s1 = AddRun<TKind>(s1, p1, sums + 1);
                    s2 = AddRun<TKind>(s2, p2, sums + 2);
                    s3 = AddRun<TKind>(s3, p3, sums + 3);
                    t0 = AddRun<TKind>(t0, q0, sums);
                    t1 = AddRun<TKind>(t1, q1, sums + 1);
                    t2 = AddRun<TKind>(t2, q2, sums + 2);
                    t3 = AddRun<TKind>(t3, q3, sums + 3);
                }
                TKind.Add(y, s0, t0, scales, minima, a, scaledSums);
                TKind.Add(y + 16, s1, t1, scales, minima, a + 1, scaledSums + 1);
                TKind.Add(y + 32, s2, t2, scales, minima, a + 2, scaledSums + 2);
                TKind.Add(y + 48, s3, t3, scales, minima, a + 3, scaledSums + 3);
                scales += 16;
                sums += 4;
            }
            minima += 16;
            scaledSums += 4;
            a += 4;
        }
    }

    // Sums of one run of partial sums start after it: before it, the four corrections would take four of sixteen registers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector First<TKind>(int* sum)
        where TKind : struct, ITileKind<TVector>
        => PartialSums && RunsOfScale == 1 ? TVector.Zero : TKind.Start(sum, TCodes.ZeroShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector AddRun<TKind>(TVector sums, TVector run, int* sum)
        where TKind : struct, ITileKind<TVector>
    {
        if (!PartialSums)
            return run;
        TVector wide = TVector.Widen(run);
        if (RunsOfScale > 1)
            return TVector.AddIntegers(sums, wide);
        return TCodes.ZeroShift != 0 ? TVector.AddIntegers(TKind.Start(sum, TCodes.ZeroShift), wide) : wide;
    }

    /// <summary>The integer sums of a group's first and last 16 columns; where one scale serves both, their sum comes first and the second is unspecified.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Dot(byte* group, sbyte* x, int* sums, out TVector low, out TVector high)
    {
        TVector a = PartialSums ? TVector.Zero : Start(sums), b = PartialSums || !TCodes.ScalesHalves ? TVector.Zero : Start(sums + 1);
        TVector first = TVector.Four(x), last = TVector.Four(x + 16);
        Step(group, 0, x, ref a, ref b, ref first, ref last);
        Step(group, 1, x, ref a, ref b, ref first, ref last);
        TVector c = PartialSums && ChunksOfRun == 2 ? TVector.Zero : a, d = PartialSums && ChunksOfRun == 2 ? TVector.Zero : b;
        Step(group, 2, x, ref c, ref d, ref first, ref last);
        Step(group, 3, x, ref c, ref d, ref first, ref last);
        if (PartialSums && ChunksOfRun == 2)
        {
            low = TVector.AddIntegers(TVector.Widen(a), TVector.Widen(c));
            high = TVector.AddIntegers(TVector.Widen(b), TVector.Widen(d));
        }
        else if (PartialSums && ChunksOfRun == 8)
            (low, high) = (TVector.Widen(TVector.AddPartial(c, d)), d);
        else
            (low, high) = PartialSums ? (TVector.Widen(c), TVector.Widen(d)) : (c, d);
        if (!TCodes.ScalesHalves && !(PartialSums && ChunksOfRun == 8))
            low = TVector.AddIntegers(low, high);
        if (PartialSums && TCodes.ZeroShift != 0)
        {
            low = TVector.AddIntegers(low, Start(sums));
            if (TCodes.ScalesHalves)
                high = TVector.AddIntegers(high, Start(sums + 1));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(byte* group, int i, sbyte* x, ref TVector a, ref TVector b, ref TVector first, ref TVector last)
    {
        if (i > 0)
            (first, last) = (TVector.NextFour(first, x, i), TVector.NextFour(last, x + 16, i));
        TCodes.Codes(group, i, out TVector low, out TVector high);
        if (TCodes.CodeBits == 8)
        {
            a = TVector.AddSignedDot(a, low, TVector.Magnitudes(low), first, i);
            b = TVector.AddSignedDot(b, high, TVector.Magnitudes(high), last, i);
        }
        else
        {
            a = TVector.AddDot(a, low, first, i);
            b = TVector.AddDot(b, high, last, i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector AddScaled(TVector y, TVector integers, TVector scale, TVector a) => TVector.MultiplyAdd(TVector.ToFloat(integers), TVector.Multiply(scale, a), y);

    /// <summary>What the sums of a group start with.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Start(int* sum)
    {
        int shift = TCodes.CodeBits == 8 ? TVector.SignedOffsetShift : TCodes.ZeroShift;
        return shift == 0 ? TVector.Zero : TVector.BroadcastNegated(sum, shift);
    }
}
