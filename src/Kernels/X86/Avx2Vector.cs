using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.X86;

/// <summary>Panel vectors in AVX2 registers, with FMA. Dot products of bytes are what x86 machines differ in: <typeparamref name="TDot"/>.</summary>
/// <typeparam name="TDot">The dot product.</typeparam>
// No properties that change the element type: each is one more call in IL that counts against the compiler's limit for inlining.
internal readonly unsafe struct Avx2Vector<TDot>(Vector256<byte> bits) : IPanelVector<Avx2Vector<TDot>>
    where TDot : struct, IByteDot
{
    private readonly Vector256<byte> _bits = bits;

    /// <summary>The register.</summary>
    public Vector256<byte> Bits => _bits;

    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported && TDot.IsSupported;

    public static Avx2Vector<TDot> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector256<byte>.Zero);
    }

    public static int SignedOffsetShift => TDot.SignedOffsetShift;

    public static bool TakesSignMagnitudes => TDot.TakesSignMagnitudes;

    public static bool Prefetches => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> Load(byte* from) => new(Vector256.Load(from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Avx2Vector<TDot> vector, byte* to) => vector._bits.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(byte* address) => Sse.Prefetch0(address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> Mask(Avx2Vector<TDot> bytes, byte bits) => new(bytes._bits & Vector256.Create(bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> LowNibbles(Avx2Vector<TDot> bytes) => new(bytes._bits & Vector256.Create((byte)0x0F));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> HighNibbles(Avx2Vector<TDot> bytes) => new((bytes._bits.AsUInt16() >>> 4).AsByte() & Vector256.Create((byte)0x0F));

    public static int UpperNibbleShift => TDot.UpperNibbleShift;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> UpperNibbles(Avx2Vector<TDot> bytes) => new(TDot.UpperNibbles(bytes._bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> Or(Avx2Vector<TDot> a, Avx2Vector<TDot> b) => new(a._bits | b._bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> OrMasked(Avx2Vector<TDot> a, Avx2Vector<TDot> bytes, byte bits) => new(a._bits | (bytes._bits & Vector256.Create(bits)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> ShiftRight(Avx2Vector<TDot> bytes, int bits) => new((bytes._bits.AsUInt16() >>> bits).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> ShiftLeft(Avx2Vector<TDot> bytes, int bits) => new((bytes._bits.AsUInt16() << bits).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DotsPerSum(int codeBits) => TDot.DotsPerSum(codeBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> StartPartial(int* packed) => new(TDot.Start(Avx2.BroadcastScalarToVector256(packed)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> BroadcastFour(sbyte* x) => new(Avx2.BroadcastScalarToVector256((int*)x).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> BroadcastFourAt(Avx2Vector<TDot> four, sbyte* x, int index) =>
        new(Avx2.BroadcastScalarToVector256((int*)x + index).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> AddDot(Avx2Vector<TDot> partial, Avx2Vector<TDot> codes, Avx2Vector<TDot> four, int index) =>
        new(TDot.Add(partial._bits.AsInt32(), codes._bits, four._bits.AsSByte()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> AddPartial(Avx2Vector<TDot> a, Avx2Vector<TDot> b) => new(TDot.AddPartial(a._bits.AsInt32(), b._bits.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> Widen(Avx2Vector<TDot> partial) => new(TDot.Widen(partial._bits.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> AddWidened(Avx2Vector<TDot> sums, Avx2Vector<TDot> partial) => AddIntegers(sums, Widen(partial));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> LoadSubScales(byte* from) => new(TDot.SubScales(Avx2.ConvertToVector256Int32((sbyte*)from)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> AddScaled(Avx2Vector<TDot> sums, Avx2Vector<TDot> partial, Avx2Vector<TDot> subScales) =>
        new((sums._bits.AsInt32() + TDot.Scale(partial._bits.AsInt32(), subScales._bits.AsInt32())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> Magnitudes(Avx2Vector<TDot> codes) => new(TDot.Magnitudes(codes._bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> AddSignedDot(
        Avx2Vector<TDot> sums, Avx2Vector<TDot> codes, Avx2Vector<TDot> magnitudes, Avx2Vector<TDot> four, int index) =>
        new(TDot.AddSigned(sums._bits.AsInt32(), codes._bits, magnitudes._bits, four._bits.AsSByte()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> AddSignMagnitudeDot(Avx2Vector<TDot> sums, byte* codes, Avx2Vector<TDot> magnitudes, Avx2Vector<TDot> signs) =>
        new(TDot.AddSignMagnitude(sums._bits.AsInt32(), (sbyte*)codes, magnitudes._bits, signs._bits.AsSByte()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> AddIntegers(Avx2Vector<TDot> a, Avx2Vector<TDot> b) => new((a._bits.AsInt32() + b._bits.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> BroadcastNegated(int* value, int shift) =>
        new((Vector256<int>.Zero - (Avx2.BroadcastScalarToVector256(value) << shift)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> ToFloat(Avx2Vector<TDot> integers) => new(Avx.ConvertToVector256Single(integers._bits.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> ShiftLanesLeft(Avx2Vector<TDot> integers, int bits) => new((integers._bits.AsInt32() << bits).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> ShiftLanesRight(Avx2Vector<TDot> integers, int bits) => new((integers._bits.AsInt32() >> bits).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> BroadcastFloat(float* value) => new(Avx.BroadcastScalarToVector256(value).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> Constant(float value) => new(Vector256.Create(value).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> AddFloats(Avx2Vector<TDot> a, Avx2Vector<TDot> b) => new((a._bits.AsSingle() + b._bits.AsSingle()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> Multiply(Avx2Vector<TDot> a, Avx2Vector<TDot> b) => new((a._bits.AsSingle() * b._bits.AsSingle()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> Divide(Avx2Vector<TDot> a, Avx2Vector<TDot> b) => new((a._bits.AsSingle() / b._bits.AsSingle()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> MultiplyAdd(Avx2Vector<TDot> a, Avx2Vector<TDot> b, Avx2Vector<TDot> c) =>
        new(Fma.MultiplyAdd(a._bits.AsSingle(), b._bits.AsSingle(), c._bits.AsSingle()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> NegatedMultiplyAdd(Avx2Vector<TDot> a, Avx2Vector<TDot> b, Avx2Vector<TDot> c) =>
        new(Fma.MultiplyAddNegated(a._bits.AsSingle(), b._bits.AsSingle(), c._bits.AsSingle()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> NegatedMultiplyAdd(float* a, Avx2Vector<TDot> b, Avx2Vector<TDot> c) =>
        new(Fma.MultiplyAddNegated(Vector256.Load(a), b._bits.AsSingle(), c._bits.AsSingle()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> ScaledSum(Avx2Vector<TDot> integers, float* scales, Avx2Vector<TDot> a, float* y) =>
        new(Fma.MultiplyAdd(Avx.ConvertToVector256Single(integers._bits.AsInt32()), Avx.Multiply(a._bits.AsSingle(), Vector256.Load(scales)),
            Vector256.Load(y)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> ScaledSum(Avx2Vector<TDot> integers, float* scales, Avx2Vector<TDot> a, Avx2Vector<TDot> y) =>
        MultiplyAdd(ToFloat(integers), Multiply(a, Load((byte*)scales)), y);

    // VMAXPS gives its second operand where either is NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> MaxNative(Avx2Vector<TDot> a, Avx2Vector<TDot> b) => new(Avx.Max(a._bits.AsSingle(), b._bits.AsSingle()).AsByte());

    // VPMADDWD by (2^13, 0) sign-extends and shifts in one instruction.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> LowHalves(Avx2Vector<TDot> halves) =>
        new(Avx2.MultiplyAddAdjacent(halves._bits.AsInt16(), Vector256.Create(1 << 13).AsInt16()).AsByte() & Vector256.Create(0x8FFFE000).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> HighHalves(Avx2Vector<TDot> halves) => new((halves._bits.AsInt32() >> 3).AsByte() & Vector256.Create(0x8FFFE000).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> LoadMovedHalves(byte* from) =>
        new(((Avx2.ConvertToVector256Int32((short*)from) << 13) & Vector256.Create(unchecked((int)0x8FFFE000))).AsByte());

    // .NET 10 has no class for VCVTPH2PS. Sign, exponent and mantissa moved into place make a float32 that is 2^112 too small; 65,536 and more were infinity or
    // NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> LoadHalves(byte* from)
    {
        Vector256<float> value = LoadMovedHalves(from)._bits.AsSingle() * Vector256.Create(MovedHalf.Scale);
        Vector256<float> special = Avx.Compare(Vector256.Abs(value), Vector256.Create(65536f), FloatComparisonMode.OrderedGreaterThanOrEqualNonSignaling);
        return new((value.AsInt32() | (special.AsInt32() & Vector256.Create(0x7F800000))).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> LoadBrainFloats(byte* from) => new((Avx2.ConvertToVector256Int32((ushort*)from) << 16).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> LoadBytes(byte* from) => new(Avx2.ConvertToVector256Int32(from).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> LoadBytesAsFloat(byte* from) => new(Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(from)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Vector<TDot> LoadSignedBytesAsFloat(byte* from) => new(Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32((sbyte*)from)).AsByte());
}
