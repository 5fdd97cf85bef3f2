using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.KeyValues;

/// <summary>Sixteen values of a page as two vectors, <see cref="IKeyValueStorage"/>: of keys eight positions' two columns, of values eight columns and the eight after them.</summary>
internal unsafe interface IFloatPairs
{
    /// <summary>Bytes of sixteen values.</summary>
    static abstract int Bytes { get; }

    /// <summary>What a number in memory was multiplied with: the other factor is to be divided by it.</summary>
    static abstract float Scale { get; }

    static abstract TVector First<TVector>(byte* pair)
        where TVector : struct, IPanelVector<TVector>;

    static abstract TVector Second<TVector>(byte* pair)
        where TVector : struct, IPanelVector<TVector>;
}

/// <summary>F16.</summary>
internal readonly unsafe struct HalfPairs : IFloatPairs
{
    public static int Bytes => 32;

    public static float Scale => 1 / AttentionKernels.HalfScale;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector First<TVector>(byte* pair)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LowHalves(TVector.Load(pair));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Second<TVector>(byte* pair)
        where TVector : struct, IPanelVector<TVector>
        => TVector.HighHalves(TVector.Load(pair));
}

/// <summary>F32.</summary>
internal readonly unsafe struct SinglePairs : IFloatPairs
{
    public static int Bytes => 64;

    public static float Scale => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector First<TVector>(byte* pair)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load(pair);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Second<TVector>(byte* pair)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load(pair + 32);
}
