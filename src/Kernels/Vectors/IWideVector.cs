namespace MeKi.Kernels.Vectors;

/// <summary>
/// Sixteen lanes, for attention and products of floats: one register of AVX-512 or two of <see cref="IPanelVector{TSelf}"/>, whose operations these are. Each
/// lane has the bits that it would have there.
/// </summary>
/// <typeparam name="TSelf">The implementation.</typeparam>
internal unsafe interface IWideVector<TSelf>
    where TSelf : struct, IWideVector<TSelf>
{
    /// <summary>All bits zero.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>Sixteen numbers.</summary>
    static abstract TSelf Load(float* from);

    /// <summary>32 bytes from each of two places.</summary>
    static abstract TSelf Load(byte* low, byte* high);

    /// <summary>Writes sixteen numbers.</summary>
    static abstract void Store(TSelf vector, float* to);

    /// <summary>Writes eight numbers to each of two places.</summary>
    static abstract void Store(TSelf vector, float* low, float* high);

    static abstract TSelf BroadcastFloat(float* value);

    static abstract TSelf Multiply(TSelf a, TSelf b);

    /// <inheritdoc cref="IPanelVector{TSelf}.MultiplyAdd"/>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <inheritdoc cref="IPanelVector{TSelf}.LowHalves"/>
    static abstract TSelf LowHalves(TSelf halves);

    /// <inheritdoc cref="IPanelVector{TSelf}.HighHalves"/>
    static abstract TSelf HighHalves(TSelf halves);

    /// <summary>Eight half-precision numbers from each of two places, exactly, infinities and NaN included.</summary>
    static abstract TSelf LoadHalves(byte* low, byte* high);

    /// <summary>Sixteen signed bytes as float32.</summary>
    static abstract TSelf LoadSignedBytesAsFloat(byte* from);

    /// <inheritdoc cref="IPanelVector{TSelf}.BroadcastFour"/>
    static abstract TSelf BroadcastFour(sbyte* x);

    /// <inheritdoc cref="IPanelVector{TSelf}.BroadcastFourAt"/>
    static abstract TSelf BroadcastFourAt(TSelf four, sbyte* x, int index);

    /// <inheritdoc cref="IPanelVector{TSelf}.Magnitudes"/>
    static abstract TSelf Magnitudes(TSelf codes);

    /// <inheritdoc cref="IPanelVector{TSelf}.AddSignedDot"/>
    static abstract TSelf AddSignedDot(TSelf sums, TSelf codes, TSelf magnitudes, TSelf four, int index);

    /// <inheritdoc cref="IPanelVector{TSelf}.SignedOffsetShift"/>
    static abstract int SignedOffsetShift { get; }

    /// <inheritdoc cref="IPanelVector{TSelf}.BroadcastNegated"/>
    static abstract TSelf BroadcastNegated(int* value, int shift);

    static abstract TSelf ToFloat(TSelf integers);
}
