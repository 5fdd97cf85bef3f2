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

    public static int SignedOffsetShift => TVector.SignedOffsetShift;

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
    public static TwoVectors<TVector> LoadHalves(byte* low, byte* high) => new(TVector.LoadHalves(low), TVector.LoadHalves(high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> LoadSignedBytesAsFloat(byte* from) => new(TVector.LoadSignedBytesAsFloat(from), TVector.LoadSignedBytesAsFloat(from + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> BroadcastFour(sbyte* x) => Both(TVector.BroadcastFour(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> BroadcastFourAt(TwoVectors<TVector> four, sbyte* x, int index) => Both(TVector.BroadcastFourAt(four._low, x, index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> Magnitudes(TwoVectors<TVector> codes) => new(TVector.Magnitudes(codes._low), TVector.Magnitudes(codes._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> AddSignedDot(TwoVectors<TVector> sums, TwoVectors<TVector> codes, TwoVectors<TVector> magnitudes,
        TwoVectors<TVector> four, int index) =>
        new(TVector.AddSignedDot(sums._low, codes._low, magnitudes._low, four._low, index),
            TVector.AddSignedDot(sums._high, codes._high, magnitudes._high, four._high, index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> BroadcastNegated(int* value, int shift) => Both(TVector.BroadcastNegated(value, shift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoVectors<TVector> ToFloat(TwoVectors<TVector> integers) => new(TVector.ToFloat(integers._low), TVector.ToFloat(integers._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TwoVectors<TVector> Both(TVector vector) => new(vector, vector);
}
