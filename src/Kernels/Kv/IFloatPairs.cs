using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Kv;

/// <summary>
/// Sixteen values of a page as two times eight, <see cref="IKvStorage"/>: of keys eight positions' two columns, of values eight columns and the eight
/// after them. Two pairs at a time fill two vectors.
/// </summary>
internal unsafe interface IFloatPairs
{
    /// <summary>Bytes of a pair.</summary>
    static abstract int Bytes { get; }

    /// <summary>What a number in memory was multiplied with: the other factor is to be divided by it.</summary>
    static abstract float Scale { get; }

    /// <summary>The first eight values of two pairs.</summary>
    static abstract TWide First<TWide>(byte* pair, byte* next)
        where TWide : struct, IWideVector<TWide>;

    /// <summary>The second eight values of two pairs.</summary>
    static abstract TWide Second<TWide>(byte* pair, byte* next)
        where TWide : struct, IWideVector<TWide>;
}

/// <summary>F16.</summary>
internal readonly unsafe struct HalfPairs : IFloatPairs
{
    public static int Bytes => 32;

    public static float Scale => 1 / MovedHalf.Scale;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TWide First<TWide>(byte* pair, byte* next)
        where TWide : struct, IWideVector<TWide>
        => TWide.LowHalves(TWide.Load(pair, next));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TWide Second<TWide>(byte* pair, byte* next)
        where TWide : struct, IWideVector<TWide>
        => TWide.HighHalves(TWide.Load(pair, next));
}

/// <summary>F32.</summary>
internal readonly unsafe struct SinglePairs : IFloatPairs
{
    public static int Bytes => 64;

    public static float Scale => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TWide First<TWide>(byte* pair, byte* next)
        where TWide : struct, IWideVector<TWide>
        => TWide.Load(pair, next);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TWide Second<TWide>(byte* pair, byte* next)
        where TWide : struct, IWideVector<TWide>
        => TWide.Load(pair + 32, next + 32);
}
