using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using MeKi.Quant;

namespace MeKi.Kernels.Kv;

/// <summary>
/// Where a format has one position's 32 columns within a head's part of a page. Keys lie so that eight positions are the eight lanes of a vector (scores of
/// neighbours, no horizontal addition), values so that eight columns are (p · V is a multiply-add along the head dimension):
/// <code>
/// keys    F16, F32   [32 positions][2 columns][8 positions]: column pairs, each 16 values of 8 positions
///         Q8_0       [8 positions][32 columns]: panels, as weights have them (Quant.Panels.Q8_0Panel)
/// values  F16, F32   [32 columns][position][16 columns]: 16 values, two vectors for a position
///         Q8_0       [32 columns]: scales of all positions, then 32 bytes for each
/// </code>
/// Sixteen values of F16 are eight 32-bit lanes, the first eight in the lower halves and the second eight in the upper ones: a shift and a mask make either
/// float32. Sixteen of F32 are two vectors.
/// </summary>
internal unsafe interface IKvStorage
{
    /// <summary>Bytes of one position's 32 columns.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>Stores 32 columns of a key.</summary>
    /// <param name="keys">The head's keys of the page.</param>
    /// <param name="blocks">Blocks of a head.</param>
    /// <param name="position">Position within the page.</param>
    /// <param name="block">Which 32 columns.</param>
    /// <param name="x">The columns; may be overwritten.</param>
    static abstract void StoreKey(byte* keys, int blocks, int position, int block, Span<float> x);

    /// <summary>Takes them out again.</summary>
    static abstract void LoadKey(byte* keys, int blocks, int position, int block, Span<float> x);

    /// <summary>Stores 32 columns of a value.</summary>
    /// <param name="values">The head's values of the page.</param>
    /// <param name="position">Position within the page.</param>
    /// <param name="block">Which 32 columns.</param>
    /// <param name="x">The columns; may be overwritten.</param>
    static abstract void StoreValue(byte* values, int position, int block, Span<float> x);

    /// <summary>Takes them out again.</summary>
    static abstract void LoadValue(byte* values, int position, int block, Span<float> x);
}

/// <summary>
/// F16. What half precision cannot hold saturates, so that the kernels meet neither infinity nor NaN, which their widening would take for numbers.
/// </summary>
internal readonly unsafe struct HalfStorage : IKvStorage
{
    public static int BlockBytes => 64;

    public static void StoreKey(byte* keys, int blocks, int position, int block, Span<float> x)
    {
        ushort* halves = stackalloc ushort[KvLayout.BlockColumns];
        Narrow(x, halves);
        byte* to = Key(keys, blocks, position, block);
        for (int pair = 0; pair < KvLayout.BlockColumns / 2; pair++)
            *(uint*)(to + 128 * pair) = ((uint*)halves)[pair];
    }

    public static void LoadKey(byte* keys, int blocks, int position, int block, Span<float> x)
    {
        byte* from = Key(keys, blocks, position, block);
        for (int i = 0; i < KvLayout.BlockColumns; i++)
            x[i] = (float)((Half*)(from + 128 * (i / 2)))[i % 2];
    }

    public static void StoreValue(byte* values, int position, int block, Span<float> x)
    {
        ushort* halves = stackalloc ushort[KvLayout.BlockColumns];
        Narrow(x, halves);
        uint* to = (uint*)Value(values, position, block);
        for (int i = 0; i < KvLayout.BlockColumns; i += 16)
        {
            // As Place says.
            Vector128<ushort> lower = Vector128.Load(halves + i), upper = Vector128.Load(halves + i + 8);
            (Vector128.WidenLower(lower) | (Vector128.WidenLower(upper) << 16)).Store(to + i / 2);
            (Vector128.WidenUpper(lower) | (Vector128.WidenUpper(upper) << 16)).Store(to + i / 2 + 4);
        }
    }

    public static void LoadValue(byte* values, int position, int block, Span<float> x)
    {
        Half* from = Value(values, position, block);
        for (int i = 0; i < KvLayout.BlockColumns; i++)
            x[i] = (float)from[Place(i)];
    }

    // [32 positions][pair of columns][lane][2 columns]
    private static byte* Key(byte* keys, int blocks, int position, int block) =>
        keys + 32L * BlockBytes * blocks * (position / 32) + 32 * BlockBytes * block + 4 * (position % 32);

    // [block][position][32 columns]
    private static Half* Value(byte* values, int position, int block) => (Half*)(values + (long)BlockBytes * (KvPage.Positions * block + position));

    // Columns 0..7 of sixteen are lower halves, 8..15 upper ones.
    private static int Place(int column) => (column & 16) | (column & 7) << 1 | (column >> 3 & 1);

    private static void Narrow(Span<float> x, ushort* halves)
    {
        Vector256<float> most = Vector256.Create(F16.MaxValue);
        fixed (float* values = x)
        {
            for (int i = 0; i < KvLayout.BlockColumns; i += Vector256<float>.Count)
            {
                Vector256<float> value = Vector256.Load(values + i);
                // NaN becomes the least number, as MaxNumber makes it.
                value = Vector256.ConditionalSelect(Vector256.Equals(value, value), value, -most);
                Vector256.MinNative(Vector256.MaxNative(value, -most), most).Store(values + i);
            }
        }
        TensorPrimitives.ConvertToHalf(x, new Span<Half>(halves, KvLayout.BlockColumns));
    }
}

/// <summary>F32.</summary>
internal readonly unsafe struct SingleStorage : IKvStorage
{
    public static int BlockBytes => 128;

    public static void StoreKey(byte* keys, int blocks, int position, int block, Span<float> x)
    {
        float* to = Key(keys, blocks, position, block);
        for (int i = 0; i < KvLayout.BlockColumns; i++)
            to[64 * (i / 2) + 8 * (i % 2)] = x[i];
    }

    public static void LoadKey(byte* keys, int blocks, int position, int block, Span<float> x)
    {
        float* from = Key(keys, blocks, position, block);
        for (int i = 0; i < KvLayout.BlockColumns; i++)
            x[i] = from[64 * (i / 2) + 8 * (i % 2)];
    }

    public static void StoreValue(byte* values, int position, int block, Span<float> x) => x[..KvLayout.BlockColumns].CopyTo(Value(values, position, block));

    public static void LoadValue(byte* values, int position, int block, Span<float> x) => Value(values, position, block).CopyTo(x);

    // [32 positions][pair of columns][8 positions][2 columns][lane]
    private static float* Key(byte* keys, int blocks, int position, int block) =>
        (float*)(keys + 32L * BlockBytes * blocks * (position / 32) + 32 * BlockBytes * block + 64 * (position % 32 / 8) + 4 * (position % 8));

    private static Span<float> Value(byte* values, int position, int block) =>
        new(values + (long)BlockBytes * (KvPage.Positions * block + position), KvLayout.BlockColumns);
}

/// <summary>Q8_0. Infinities and NaN saturate.</summary>
internal readonly unsafe struct QuantizedStorage : IKvStorage
{
    /// <summary>Bytes of the scales before 32 columns' values.</summary>
    public const int ScaleBytes = 2 * KvPage.Positions;

    private const int PanelBlockBytes = 272, CodesOfPanel = 16;

    public static int BlockBytes => 34;

    public static void StoreKey(byte* keys, int blocks, int position, int block, Span<float> x)
    {
        Span<byte> canonical = stackalloc byte[BlockBytes];
        Encode(x, canonical);
        byte* to = Key(keys, blocks, position, block);
        canonical[..2].CopyTo(new(to + 2 * (position % 8), 2));
        for (int chunk = 0; chunk < 8; chunk++)
            canonical.Slice(2 + 4 * chunk, 4).CopyTo(new(to + CodesOfPanel + 32 * chunk + 4 * (position % 8), 4));
    }

    public static void LoadKey(byte* keys, int blocks, int position, int block, Span<float> x)
    {
        Span<byte> canonical = stackalloc byte[BlockBytes];
        byte* from = Key(keys, blocks, position, block);
        new Span<byte>(from + 2 * (position % 8), 2).CopyTo(canonical);
        for (int chunk = 0; chunk < 8; chunk++)
            new Span<byte>(from + CodesOfPanel + 32 * chunk + 4 * (position % 8), 4).CopyTo(canonical[(2 + 4 * chunk)..]);
        Q8_0.Decode(canonical, x);
    }

    public static void StoreValue(byte* values, int position, int block, Span<float> x)
    {
        Span<byte> canonical = stackalloc byte[BlockBytes];
        Encode(x, canonical);
        byte* to = values + (long)BlockBytes * KvPage.Positions * block;
        canonical[..2].CopyTo(new(to + 2 * position, 2));
        canonical[2..].CopyTo(new(to + ScaleBytes + 32 * position, 32));
    }

    public static void LoadValue(byte* values, int position, int block, Span<float> x)
    {
        Span<byte> canonical = stackalloc byte[BlockBytes];
        byte* from = values + (long)BlockBytes * KvPage.Positions * block;
        new Span<byte>(from + 2 * position, 2).CopyTo(canonical);
        new Span<byte>(from + ScaleBytes + 32 * position, 32).CopyTo(canonical[2..]);
        Q8_0.Decode(canonical, x);
    }

    private static byte* Key(byte* keys, int blocks, int position, int block) => keys + (long)PanelBlockBytes * (blocks * (position / 8) + block);

    private static void Encode(Span<float> x, Span<byte> canonical)
    {
        TensorPrimitives.MaxNumber(x, -Q8_0.MaxMagnitude, x);
        TensorPrimitives.MinNumber(x, Q8_0.MaxMagnitude, x);
        Q8_0.Encode(x, canonical);
    }
}
