using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Fusing;

/// <summary>The decoder of a row type, 32 values at a time.</summary>
internal unsafe interface IRowValues
{
    /// <summary>Bytes of 32 values.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>The scale of a block; anything where the type has none.</summary>
    static abstract float Scale(byte* scales, int block);

    /// <summary>Values 8i … 8i + 7 of a block, i a constant below 4, with the bits that decoding the row gives.</summary>
    static abstract TVector Load<TVector>(byte* block, int i, TVector scale)
        where TVector : struct, IPanelVector<TVector>;
}

/// <summary>F32.</summary>
internal readonly unsafe struct F32Values : IRowValues
{
    public static int BlockBytes => 128;

    public static float Scale(byte* scales, int block) => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* block, int i, TVector scale)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Load(block + 32 * i);
}

/// <summary>F16.</summary>
internal readonly unsafe struct F16Values : IRowValues
{
    public static int BlockBytes => 64;

    public static float Scale(byte* scales, int block) => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* block, int i, TVector scale)
        where TVector : struct, IPanelVector<TVector>
        => TVector.LoadHalves(block + 16 * i);
}

/// <summary>Int8: one scale for the row.</summary>
internal readonly unsafe struct Int8Values : IRowValues
{
    public static int BlockBytes => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* scales, int block) => Unsafe.ReadUnaligned<float>(scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* block, int i, TVector scale)
        where TVector : struct, IPanelVector<TVector>
        => TVector.Multiply(TVector.LoadSignedBytesAsFloat(block + 8 * i), scale);
}

/// <summary>Int4: sixteen bytes hold values 0 to 15 in their low halves and 16 to 31 in their high ones.</summary>
internal readonly unsafe struct Int4Values : IRowValues
{
    public static int BlockBytes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* scales, int block) => (float)Unsafe.ReadUnaligned<Half>(scales + sizeof(ushort) * block);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TVector>(byte* block, int i, TVector scale)
        where TVector : struct, IPanelVector<TVector>
    {
        TVector bytes = TVector.LoadBytes(block + 8 * (i & 1));
        TVector codes = TVector.ToFloat(i < 2 ? TVector.LowNibbles(bytes) : TVector.HighNibbles(bytes));
        return TVector.Multiply(TVector.AddFloats(codes, TVector.Constant(-8)), scale);
    }
}
