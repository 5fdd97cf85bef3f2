using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MeKi.Kernels.X86;

/// <summary>
/// AVX-VNNI: VPDPBUSD adds four products to a 32-bit lane in one instruction. Its first operand is unsigned, so signed codes go in larger by 128, which
/// flipping the upper bit does.
/// </summary>
/// <typeparam name="TInstruction">The instruction, or its meaning in other instructions for machines without it.</typeparam>
internal readonly unsafe struct VnniDot<TInstruction> : IByteDot
    where TInstruction : struct, IVnniInstruction
{
    public static bool IsSupported => TInstruction.IsSupported;

    public static int SignedOffsetShift => 7;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DotsPerSum(int codeBits) => int.MaxValue;

    // 32 · 240 · 127 < 2^20.
    public static int UpperNibbleShift => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> UpperNibbles(Vector256<byte> bytes) => bytes & Vector256.Create((byte)0xF0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Start(Vector256<int> packed) => Avx2.MultiplyAddAdjacent(packed.AsInt16(), Vector256<short>.One);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> partial, Vector256<byte> codes, Vector256<sbyte> x) =>
        TInstruction.MultiplyWideningAndAdd(partial, codes, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddPartial(Vector256<int> a, Vector256<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Widen(Vector256<int> partial) => partial;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> SubScales(Vector256<int> scales) => scales;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Scale(Vector256<int> partial, Vector256<int> subScales) => partial * subScales;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Magnitudes(Vector256<byte> codes) => codes ^ Vector256.Create((byte)0x80);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddSigned(Vector256<int> sums, Vector256<byte> codes, Vector256<byte> magnitudes, Vector256<sbyte> x) =>
        TInstruction.MultiplyWideningAndAdd(sums, magnitudes, x);

    public static bool TakesSignMagnitudes => false;
}

/// <summary>VPDPBUSD.</summary>
internal interface IVnniInstruction
{
    static abstract bool IsSupported { get; }

    /// <summary>Adds to each 32-bit lane the four products of its unsigned and signed bytes, wrapping.</summary>
    static abstract Vector256<int> MultiplyWideningAndAdd(Vector256<int> addend, Vector256<byte> left, Vector256<sbyte> right);
}

/// <summary>The instruction itself.</summary>
internal readonly struct HardwareVnni : IVnniInstruction
{
    public static bool IsSupported => AvxVnni.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyWideningAndAdd(Vector256<int> addend, Vector256<byte> left, Vector256<sbyte> right) =>
        AvxVnni.MultiplyWideningAndAdd(addend, left, right);
}

/// <summary>
/// The instruction's meaning in AVX2, so that the VNNI kernels run in tests on any x64 machine: bytes widened to 16 bits, which VPMADDWD multiplies without
/// saturating.
/// </summary>
internal readonly struct EmulatedVnni : IVnniInstruction
{
    public static bool IsSupported => Avx2.IsSupported;

    public static Vector256<int> MultiplyWideningAndAdd(Vector256<int> addend, Vector256<byte> left, Vector256<sbyte> right)
    {
        // Even and odd bytes of each lane: two multiply-adds of two products.
        Vector256<short> even = (left.AsInt16() & Vector256.Create((short)0xFF)), odd = (left.AsUInt16() >>> 8).AsInt16();
        Vector256<short> evenRight = (right.AsInt16() << 8) >> 8, oddRight = right.AsInt16() >> 8;
        return addend + Avx2.MultiplyAddAdjacent(even, evenRight) + Avx2.MultiplyAddAdjacent(odd, oddRight);
    }
}
