using System.Runtime.CompilerServices;

namespace MeKi.Kernels.Vectors;

/// <summary>
/// Sixteen lanes in two registers of eight. The compiler keeps both fields in registers: the code is that of kernels written with two vectors.
/// </summary>
internal readonly unsafe struct TwoVectors<TVector> : IWideVector<TwoVectors<TVector>>
    where TVector : struct, IPanelVector<TVector>
{
    private readonly TVector _low;
    private readonly TVector _high;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TwoVectors(TVector low, TVector high)
    {
        _low = low;
        _high = high;
    }

    public static TwoVectors<TVector> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(TVector.Zero, TVector.Zero);
    }

    public static bool IsOneRegister => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> Load(float* from) => new(TVector.Load((byte*)from), TVector.Load((byte*)(from + 8)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> Load(byte* low, byte* high) => new(TVector.Load(low), TVector.Load(high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(TwoVectors<TVector> vector, float* to) => Store(vector, to, to + 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(TwoVectors<TVector> vector, float* low, float* high)
    {
        TVector.Store(vector._low, (byte*)low);
        TVector.Store(vector._high, (byte*)high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> BroadcastFloat(float* value) => Both(TVector.BroadcastFloat(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> Multiply(TwoVectors<TVector> a, TwoVectors<TVector> b) =>
        new(TVector.Multiply(a._low, b._low), TVector.Multiply(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> MultiplyAdd(TwoVectors<TVector> a, TwoVectors<TVector> b, TwoVectors<TVector> c) =>
        new(TVector.MultiplyAdd(a._low, b._low, c._low), TVector.MultiplyAdd(a._high, b._high, c._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> LowHalves(TwoVectors<TVector> halves) => new(TVector.LowHalves(halves._low), TVector.LowHalves(halves._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> HighHalves(TwoVectors<TVector> halves) => new(TVector.HighHalves(halves._low), TVector.HighHalves(halves._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> LoadSignedBytesAsFloat(byte* from) => new(TVector.LoadSignedBytesAsFloat(from), TVector.LoadSignedBytesAsFloat(from + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> Constant(float value) => Both(TVector.Constant(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> AddFloats(TwoVectors<TVector> a, TwoVectors<TVector> b) =>
        new(TVector.AddFloats(a._low, b._low), TVector.AddFloats(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> NegatedMultiplyAdd(TwoVectors<TVector> a, TwoVectors<TVector> b, TwoVectors<TVector> c) =>
        new(TVector.NegatedMultiplyAdd(a._low, b._low, c._low), TVector.NegatedMultiplyAdd(a._high, b._high, c._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> MaxNative(TwoVectors<TVector> a, TwoVectors<TVector> b) =>
        new(TVector.MaxNative(a._low, b._low), TVector.MaxNative(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> AddIntegers(TwoVectors<TVector> a, TwoVectors<TVector> b) =>
        new(TVector.AddIntegers(a._low, b._low), TVector.AddIntegers(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> ShiftLanesLeft(TwoVectors<TVector> integers, int bits) =>
        new(TVector.ShiftLanesLeft(integers._low, bits), TVector.ShiftLanesLeft(integers._high, bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TwoVectors<TVector> Both(TVector vector) => new(vector, vector);
}
