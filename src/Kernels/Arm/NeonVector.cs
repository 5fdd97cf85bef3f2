using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Arm;

/// <summary>Panel vectors in two AdvSIMD registers: rows 0 to 3 and rows 4 to 7.</summary>
/// <typeparam name="TNeon">The instructions.</typeparam>
/// <typeparam name="TDot">The dot product, in which ARM64 machines differ.</typeparam>
// Signed bytes, as the dot products take them: every change of the element type is a call in IL that counts against the compiler's limit for inlining.
internal readonly unsafe struct NeonVector<TNeon, TDot>(Vector128<sbyte> low, Vector128<sbyte> high) : IPanelVector<NeonVector<TNeon, TDot>>
    where TNeon : struct, INeon
    where TDot : struct, INeonDot
{
    private readonly Vector128<sbyte> _low = low;
    private readonly Vector128<sbyte> _high = high;

    public static bool IsSupported => TNeon.IsSupported && TDot.IsSupported<TNeon>();

    public static NeonVector<TNeon, TDot> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    // .NET 10 has no PRFM outside SVE, and a load in its place faults beyond the mapping. The cores' own prefetchers follow a panel: one ascending stream.
    public static bool Prefetches => false;

    public static int SignedOffsetShift => 0;

    public static bool TakesSignMagnitudes => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> Load(byte* from) => new(Vector128.Load((sbyte*)from), Vector128.Load((sbyte*)from + 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(NeonVector<TNeon, TDot> vector, byte* to)
    {
        vector._low.Store((sbyte*)to);
        vector._high.Store((sbyte*)to + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(byte* address)
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> Mask(NeonVector<TNeon, TDot> bytes, byte bits)
    {
        Vector128<sbyte> mask = Vector128.Create((sbyte)bits);
        return new(bytes._low & mask, bytes._high & mask);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> LowNibbles(NeonVector<TNeon, TDot> bytes) => Mask(bytes, 0x0F);

    // USHR shifts bytes: there is nothing to mask.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> HighNibbles(NeonVector<TNeon, TDot> bytes) => new(bytes._low >>> 4, bytes._high >>> 4);

    // SDOT and SMULL take signed bytes.
    public static int UpperNibbleShift => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> UpperNibbles(NeonVector<TNeon, TDot> bytes) => HighNibbles(bytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> Or(NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> b) => new(a._low | b._low, a._high | b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> OrMasked(NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> bytes, byte bits)
    {
        Vector128<sbyte> mask = Vector128.Create((sbyte)bits);
        return new(a._low | (bytes._low & mask), a._high | (bytes._high & mask));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> ShiftRight(NeonVector<TNeon, TDot> bytes, int bits) => new(bytes._low >>> bits, bytes._high >>> bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> ShiftLeft(NeonVector<TNeon, TDot> bytes, int bits) => new(bytes._low << bits, bytes._high << bits);

    // Both dot products add up in 32 bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DotsPerSum(int codeBits) => int.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> StartPartial(int* packed) => Both(Vector128.Create((short)*packed + (*packed >> 16)).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> BroadcastFour(sbyte* x) => Both(TDot.Four<TNeon>(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> BroadcastFourAt(NeonVector<TNeon, TDot> four, sbyte* x, int index) =>
        Both(TDot.BroadcastFourAt<TNeon>(four._low, x, index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> AddDot(NeonVector<TNeon, TDot> partial, NeonVector<TNeon, TDot> codes, NeonVector<TNeon, TDot> four, int index) =>
        new(TDot.Add<TNeon>(partial._low, codes._low, four._low, index), TDot.Add<TNeon>(partial._high, codes._high, four._low, index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> AddPartial(NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> b) => AddIntegers(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> Widen(NeonVector<TNeon, TDot> partial) => partial;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> AddWidened(NeonVector<TNeon, TDot> sums, NeonVector<TNeon, TDot> partial) => AddIntegers(sums, partial);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> LoadSubScales(byte* from)
    {
        Vector128<short> scales = TNeon.SignExtendWidening(Vector64.Load((sbyte*)from));
        return new(TNeon.ShiftLeftLogicalWideningLower(scales, 0).AsSByte(), TNeon.ShiftLeftLogicalWideningUpper(scales, 0).AsSByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> AddScaled(NeonVector<TNeon, TDot> sums, NeonVector<TNeon, TDot> partial, NeonVector<TNeon, TDot> subScales) => new(
        (sums._low.AsInt32() + partial._low.AsInt32() * subScales._low.AsInt32()).AsSByte(),
        (sums._high.AsInt32() + partial._high.AsInt32() * subScales._high.AsInt32()).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> Magnitudes(NeonVector<TNeon, TDot> codes) => codes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> AddSignedDot(
        NeonVector<TNeon, TDot> sums, NeonVector<TNeon, TDot> codes, NeonVector<TNeon, TDot> magnitudes, NeonVector<TNeon, TDot> four, int index) =>
        new(TDot.Add<TNeon>(sums._low, codes._low, four._low, index), TDot.Add<TNeon>(sums._high, codes._high, four._low, index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> AddIntegers(NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> b) =>
        new((a._low.AsInt32() + b._low.AsInt32()).AsSByte(), (a._high.AsInt32() + b._high.AsInt32()).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> BroadcastNegated(int* value, int shift) => Both(Vector128.Create(-(*value << shift)).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> ToFloat(NeonVector<TNeon, TDot> integers) =>
        new(Vector128.ConvertToSingle(integers._low.AsInt32()).AsSByte(), Vector128.ConvertToSingle(integers._high.AsInt32()).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> ShiftLanesLeft(NeonVector<TNeon, TDot> integers, int bits) =>
        new((integers._low.AsInt32() << bits).AsSByte(), (integers._high.AsInt32() << bits).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> ShiftLanesRight(NeonVector<TNeon, TDot> integers, int bits) =>
        new((integers._low.AsInt32() >> bits).AsSByte(), (integers._high.AsInt32() >> bits).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> BroadcastFloat(float* value) => Both(TNeon.LoadAndReplicate((int*)value).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> Constant(float value) => Both(Vector128.Create(value).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> AddFloats(NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> b) =>
        new((a._low.AsSingle() + b._low.AsSingle()).AsSByte(), (a._high.AsSingle() + b._high.AsSingle()).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> Multiply(NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> b) =>
        new((a._low.AsSingle() * b._low.AsSingle()).AsSByte(), (a._high.AsSingle() * b._high.AsSingle()).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> Divide(NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> b) =>
        new((a._low.AsSingle() / b._low.AsSingle()).AsSByte(), (a._high.AsSingle() / b._high.AsSingle()).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> MultiplyAdd(NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> b, NeonVector<TNeon, TDot> c) => new(
        TNeon.FusedMultiplyAdd(c._low.AsSingle(), a._low.AsSingle(), b._low.AsSingle()).AsSByte(),
        TNeon.FusedMultiplyAdd(c._high.AsSingle(), a._high.AsSingle(), b._high.AsSingle()).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> NegatedMultiplyAdd(NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> b, NeonVector<TNeon, TDot> c) => new(
        TNeon.FusedMultiplySubtract(c._low.AsSingle(), a._low.AsSingle(), b._low.AsSingle()).AsSByte(),
        TNeon.FusedMultiplySubtract(c._high.AsSingle(), a._high.AsSingle(), b._high.AsSingle()).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> NegatedMultiplyAdd(float* a, NeonVector<TNeon, TDot> b, NeonVector<TNeon, TDot> c) =>
        NegatedMultiplyAdd(Load((byte*)a), b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> ScaledSum(NeonVector<TNeon, TDot> integers, float* scales, NeonVector<TNeon, TDot> a, float* y) =>
        ScaledSum(integers, scales, a, Load((byte*)y));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> ScaledSum(
        NeonVector<TNeon, TDot> integers, float* scales, NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> y) =>
        MultiplyAdd(ToFloat(integers), Multiply(Load((byte*)scales), a), y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> MaxNative(NeonVector<TNeon, TDot> a, NeonVector<TNeon, TDot> b) =>
        new(Vector128.Max(a._low.AsSingle(), b._low.AsSingle()).AsSByte(), Vector128.Max(a._high.AsSingle(), b._high.AsSingle()).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> LowHalves(NeonVector<TNeon, TDot> halves) =>
        new(MovedHalves(halves._low.AsInt32() << 16), MovedHalves(halves._high.AsInt32() << 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> HighHalves(NeonVector<TNeon, TDot> halves) =>
        new(MovedHalves(halves._low.AsInt32()), MovedHalves(halves._high.AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> LoadMovedHalves(byte* from)
    {
        Vector128<short> halves = Vector128.Load((short*)from);
        Vector128<int> mask = Vector128.Create(unchecked((int)0x8FFFE000));
        return new((TNeon.ShiftLeftLogicalWideningLower(halves, 13) & mask).AsSByte(), (TNeon.ShiftLeftLogicalWideningUpper(halves, 13) & mask).AsSByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> LoadHalves(byte* from)
    {
        Vector128<short> halves = Vector128.Load((short*)from);
        return new(HalvesToSingle(TNeon.ShiftLeftLogicalWideningLower(halves, 13)), HalvesToSingle(TNeon.ShiftLeftLogicalWideningUpper(halves, 13)));
    }

    // A brain float is the upper half of a float32.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> LoadBrainFloats(byte* from)
    {
        Vector128<short> upper = Vector128.Load((short*)from), lower = Vector128<short>.Zero;
        return new(TNeon.ZipLow(lower, upper).AsSByte(), TNeon.ZipHigh(lower, upper).AsSByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> LoadBytes(byte* from) => ShortsToIntegers(TNeon.ZeroExtendWidening(Vector64.Load(from)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> LoadBytesAsFloat(byte* from) => ToFloat(LoadBytes(from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NeonVector<TNeon, TDot> LoadSignedBytesAsFloat(byte* from) =>
        ToFloat(ShortsToIntegers(TNeon.SignExtendWidening(Vector64.Load((sbyte*)from))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static NeonVector<TNeon, TDot> Both(Vector128<sbyte> half) => new(half, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static NeonVector<TNeon, TDot> ShortsToIntegers(Vector128<short> values) => new(
        TNeon.ShiftLeftLogicalWideningLower(values, 0).AsSByte(),
        TNeon.ShiftLeftLogicalWideningUpper(values, 0).AsSByte());

    // A half in the upper half of a lane: sign, exponent and mantissa to where float32 has them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> MovedHalves(Vector128<int> upper) => ((upper >> 3) & Vector128.Create(unchecked((int)0x8FFFE000))).AsSByte();

    // .NET 10 has no FCVTL for half precision. Sign, exponent and mantissa moved into place make a float32 that is 2^112 too small; 65,536 and more were
    // infinity or NaN, whose exponent is larger by another 112.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> HalvesToSingle(Vector128<int> shifted)
    {
        Vector128<float> value = (shifted & Vector128.Create(unchecked((int)0x8FFFE000))).AsSingle() * Vector128.Create(MovedHalf.Scale);
        Vector128<int> special = TNeon.AbsoluteCompareGreaterThanOrEqual(value, Vector128.Create(65536f)).AsInt32() & Vector128.Create(112 << 23);
        return (value.AsInt32() + special).AsSByte();
    }
}
