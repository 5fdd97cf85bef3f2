namespace MeKi.Kernels.Vectors;

/// <summary>
/// Sixteen lanes, for attention and products of floats: one register of AVX-512 or two of <see cref="IPanelVector{TSelf}"/>, whose operations these are. Each
/// lane has the bits that it would have there.
/// </summary>
/// <typeparam name="TSelf">The implementation.</typeparam>
internal unsafe interface IWideVector<TSelf> : IFloatLanes<TSelf>
    where TSelf : struct, IWideVector<TSelf>
{
    /// <summary>Whether sixteen lanes are one register, of which there are 32: a tile has room for twice as many columns.</summary>
    static abstract bool IsOneRegister { get; }

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

    /// <inheritdoc cref="IPanelVector{TSelf}.LowHalves"/>
    static abstract TSelf LowHalves(TSelf halves);

    /// <inheritdoc cref="IPanelVector{TSelf}.HighHalves"/>
    static abstract TSelf HighHalves(TSelf halves);

    /// <summary>Sixteen signed bytes as float32.</summary>
    static abstract TSelf LoadSignedBytesAsFloat(byte* from);
}
