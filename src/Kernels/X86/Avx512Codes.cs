using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MeKi.Kernels.Panels;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.X86;

/// <summary>
/// Codes of sixteen rows in one register of AVX-512 (F, BW). Dot products are those of <see cref="MultiplyAddAdjacentDot"/>, with its partial sums of 16 bits:
/// two VPMADDUBSW a cycle are twice the products of two 256-bit VPDPBUSD, and .NET 10 has no class for the 512-bit one. Where the machine has none the
/// runtime computes each operation by halves, with the same bits, so that the kernels run in tests on any x64 machine.
/// </summary>
internal readonly unsafe struct Avx512Codes(Vector512<byte> bits) : ICodeVector<Avx512Codes>
{
    private readonly Vector512<byte> _bits = bits;

    public static Avx512Codes Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector512<byte>.Zero);
    }

    public static int SignedOffsetShift => 0;

    public static bool TakesSignMagnitudes => false;

    public static bool Prefetches => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes Load(byte* from) => new(Vector512.Load(from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Avx512Codes vector, byte* to) => vector._bits.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(byte* address) => Sse.Prefetch0(address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DotsPerSum(int codeBits) => MultiplyAddAdjacentDot.DotsPerSum(codeBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes StartPartial(int* packed) => new(Vector512.Create(*packed).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes BroadcastFour(sbyte* x) => new(Vector512.Create(*(int*)x).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes BroadcastFourAt(Avx512Codes four, sbyte* x, int index) => new(Vector512.Create(*((int*)x + index)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes AddDot(Avx512Codes partial, Avx512Codes codes, Avx512Codes four, int index) =>
        new((partial._bits.AsInt16() + SumsOfTwo(codes._bits, four._bits.AsSByte())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes Widen(Avx512Codes partial) => new(SumsOfTwo(partial._bits.AsInt16(), Vector512<short>.One).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes AddScaled(Avx512Codes sums, Avx512Codes partial, Avx512Codes subScales) =>
        new((sums._bits.AsInt32() + SumsOfTwo(partial._bits.AsInt16(), subScales._bits.AsInt16())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes Magnitudes(Avx512Codes codes) => new(Vector512.Abs(codes._bits.AsSByte()).AsByte());

    // There is no VPSIGNB of 512 bits: x is negated under a mask.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes AddSignedDot(Avx512Codes sums, Avx512Codes codes, Avx512Codes magnitudes, Avx512Codes four, int index)
    {
        Vector512<sbyte> x = four._bits.AsSByte(),
            signed = Vector512.ConditionalSelect(Vector512.LessThan(codes._bits.AsSByte(), Vector512<sbyte>.Zero), -x, x);
        return new((sums._bits.AsInt32() + SumsOfTwo(SumsOfTwo(magnitudes._bits, signed), Vector512<short>.One)).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes AddWidened(Avx512Codes sums, Avx512Codes partial) => AddScaled(sums, partial, new(Vector512<short>.One.AsByte()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes BroadcastNegated(int* value, int shift) => new((-(Vector512.Create(*value) << shift)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes BroadcastFloat(float* value) => new(Vector512.Create(*value).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes NegatedMultiplyAdd(float* a, Avx512Codes b, Avx512Codes c) => new((Avx512F.IsSupported
        ? Avx512F.FusedMultiplyAddNegated(Vector512.Load(a), b._bits.AsSingle(), c._bits.AsSingle())
        : Vector512.FusedMultiplyAdd(-Vector512.Load(a), b._bits.AsSingle(), c._bits.AsSingle())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes ScaledSum(Avx512Codes integers, float* scales, Avx512Codes a, float* y) =>
        ScaledSum(integers, scales, a, Load((byte*)y));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes ScaledSum(Avx512Codes integers, float* scales, Avx512Codes a, Avx512Codes y) =>
        new(Vector512.FusedMultiplyAdd(Vector512.ConvertToSingle(integers._bits.AsInt32()), a._bits.AsSingle() * Vector512.Load(scales),
            y._bits.AsSingle()).AsByte());

    /// <summary>Both halves.</summary>
    // Not Vector512.Create: its insertions begin with what was last in a place of the stack that lies across two cache lines.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes Join(Vector256<byte> low, Vector256<byte> high) => new(low.ToVector512Unsafe().WithUpper(high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> SumsOfTwo(Vector512<byte> codes, Vector512<sbyte> x) => Avx512BW.IsSupported
        ? Avx512BW.MultiplyAddAdjacent(codes, x)
        : Vector512.Create(Avx2.MultiplyAddAdjacent(codes.GetLower(), x.GetLower()), Avx2.MultiplyAddAdjacent(codes.GetUpper(), x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> SumsOfTwo(Vector512<short> a, Vector512<short> b) => Avx512BW.IsSupported
        ? Avx512BW.MultiplyAddAdjacent(a, b)
        : Vector512.Create(Avx2.MultiplyAddAdjacent(a.GetLower(), b.GetLower()), Avx2.MultiplyAddAdjacent(a.GetUpper(), b.GetUpper()));
}

/// <summary>Two registers of AVX2 as one of AVX-512.</summary>
internal readonly struct Avx512Join<TDot> : IJoin<Avx2Vector<TDot>, Avx512Codes>
    where TDot : struct, IByteDot
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Codes Join(Avx2Vector<TDot> low, Avx2Vector<TDot> high) => Avx512Codes.Join(low.Bits, high.Bits);
}
