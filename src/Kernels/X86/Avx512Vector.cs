using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.X86;

/// <summary>
/// Sixteen lanes in one register of AVX-512 (F, BW). Where the machine has none the runtime computes each operation by halves, with the same bits, so that the
/// kernels run in tests on any x64 machine.
/// </summary>
internal readonly unsafe struct Avx512Vector(Vector512<byte> bits) : IWideVector<Avx512Vector>
{
    private readonly Vector512<byte> _bits = bits;

    public static Avx512Vector Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector512<byte>.Zero);
    }

    public static bool IsOneRegister => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector Load(float* from) => new(Vector512.Load((byte*)from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector Load(byte* low, byte* high) => new(Vector256.Load(low).ToVector512Unsafe().WithUpper(Vector256.Load(high)));

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
    public static Avx512Vector LowHalves(Avx512Vector halves) => Avx512BW.IsSupported
        ? new(Avx512BW.MultiplyAddAdjacent(halves._bits.AsInt16(), Vector512.Create(1 << 13).AsInt16()).AsByte() & Vector512.Create(0x8FFFE000).AsByte())
        : HighHalves(new((halves._bits.AsInt32() << 16).AsByte()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector HighHalves(Avx512Vector halves) => new((halves._bits.AsInt32() >> 3).AsByte() & Vector512.Create(0x8FFFE000).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector LoadSignedBytesAsFloat(byte* from)
    {
        if (Avx512F.IsSupported)
            return new(Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)from))).AsByte());
        Vector256<short> words = Vector256.WidenLower(Vector128.Load((sbyte*)from).ToVector256Unsafe());
        return new(Vector512.ConvertToSingle(Vector512.WidenLower(words.ToVector512Unsafe())).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector Constant(float value) => new(Vector512.Create(value).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector AddFloats(Avx512Vector a, Avx512Vector b) => new((a._bits.AsSingle() + b._bits.AsSingle()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector NegatedMultiplyAdd(Avx512Vector a, Avx512Vector b, Avx512Vector c) => new((Avx512F.IsSupported
        ? Avx512F.FusedMultiplyAddNegated(a._bits.AsSingle(), b._bits.AsSingle(), c._bits.AsSingle())
        : Vector512.FusedMultiplyAdd(-a._bits.AsSingle(), b._bits.AsSingle(), c._bits.AsSingle())).AsByte());

    // VMAXPS gives its second operand where either is NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector MaxNative(Avx512Vector a, Avx512Vector b) => Avx512F.IsSupported
        ? new(Avx512F.Max(a._bits.AsSingle(), b._bits.AsSingle()).AsByte())
        : new(Vector512.Create(
            Avx.Max(a._bits.GetLower().AsSingle(), b._bits.GetLower().AsSingle()),
            Avx.Max(a._bits.GetUpper().AsSingle(), b._bits.GetUpper().AsSingle())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector AddIntegers(Avx512Vector a, Avx512Vector b) => new((a._bits.AsInt32() + b._bits.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Vector ShiftLanesLeft(Avx512Vector integers, int bits) => new((integers._bits.AsInt32() << bits).AsByte());
}
