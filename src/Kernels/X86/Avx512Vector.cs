using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.X86;

/// <summary>
/// Sixteen lanes in one register of AVX-512 (F, BW). Where the machine has none the runtime computes each operation by halves, with the same bits, so that the
/// kernels run in tests on any x64 machine. Dot products take |w| and x with w's sign, as <see cref="MultiplyAddAdjacentDot"/> does; .NET 10 has no class for
/// AVX512-VNNI.
/// </summary>
internal readonly unsafe struct Avx512Vector(Vector512<byte> bits) : IWideVector<Avx512Vector>
{
    private readonly Vector512<byte> _bits = bits;

    public static Avx512Vector Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector512<byte>.Zero);
    }

    public static int SignedOffsetShift => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector Load(float* from) => new(Vector512.Load((byte*)from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector Load(byte* low, byte* high) => new(Vector512.Create(Vector256.Load(low), Vector256.Load(high)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Avx512Vector vector, float* to) => vector._bits.Store((byte*)to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Avx512Vector vector, float* low, float* high)
    {
        vector._bits.GetLower().Store((byte*)low);
        vector._bits.GetUpper().Store((byte*)high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector BroadcastFloat(float* value) => new(Vector512.Create(*value).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector Multiply(Avx512Vector a, Avx512Vector b) => new((a._bits.AsSingle() * b._bits.AsSingle()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector MultiplyAdd(Avx512Vector a, Avx512Vector b, Avx512Vector c) =>
        new(Vector512.FusedMultiplyAdd(a._bits.AsSingle(), b._bits.AsSingle(), c._bits.AsSingle()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector LowHalves(Avx512Vector halves) => HighHalves(new((halves._bits.AsInt32() << 16).AsByte()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector HighHalves(Avx512Vector halves) => new((halves._bits.AsInt32() >> 3).AsByte() & Vector512.Create(0x8FFFE000).AsByte());

    // As Avx2Vector: the half moved into place is 2^112 too small, and 65,536 and more were infinity or NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector LoadHalves(byte* low, byte* high)
    {
        Vector512<int> halves = Vector512.WidenLower(Vector256.Create(Vector128.Load((short*)low), Vector128.Load((short*)high)).ToVector512Unsafe());
        Vector512<float> value = ((halves << 13) & Vector512.Create(unchecked((int)0x8FFFE000))).AsSingle() * Vector512.Create(MovedHalf.Scale);
        Vector512<float> special = Vector512.GreaterThanOrEqual(Vector512.Abs(value), Vector512.Create(65536f));
        return new((value.AsInt32() | (special.AsInt32() & Vector512.Create(0x7F800000))).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector LoadSignedBytesAsFloat(byte* from)
    {
        Vector256<short> words = Vector256.WidenLower(Vector128.Load((sbyte*)from).ToVector256Unsafe());
        return new(Vector512.ConvertToSingle(Vector512.WidenLower(words.ToVector512Unsafe())).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector BroadcastFour(sbyte* x) => new(Vector512.Create(*(int*)x).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector BroadcastFourAt(Avx512Vector four, sbyte* x, int index) => new(Vector512.Create(*((int*)x + index)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector Magnitudes(Avx512Vector codes) => new(Vector512.Abs(codes._bits.AsSByte()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector AddSignedDot(Avx512Vector sums, Avx512Vector codes, Avx512Vector magnitudes, Avx512Vector four, int index)
    {
        // There is no VPSIGNB of 512 bits: x is negated under a mask.
        Vector512<sbyte> x = four._bits.AsSByte(),
            signed = Vector512.ConditionalSelect(Vector512.LessThan(codes._bits.AsSByte(), Vector512<sbyte>.Zero), -x, x);
        return new((sums._bits.AsInt32() + SumsOfFour(magnitudes._bits, signed)).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector BroadcastNegated(int* value, int shift) => new((-(Vector512.Create(*value) << shift)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector ToFloat(Avx512Vector integers) => new(Vector512.ConvertToSingle(integers._bits.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> SumsOfFour(Vector512<byte> magnitudes, Vector512<sbyte> x) => Avx512BW.IsSupported
        ? Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(magnitudes, x), Vector512<short>.One)
        : Vector512.Create(SumsOfFour(magnitudes.GetLower(), x.GetLower()), SumsOfFour(magnitudes.GetUpper(), x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> SumsOfFour(Vector256<byte> magnitudes, Vector256<sbyte> x) =>
        Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(magnitudes, x), Vector256<short>.One);
}
