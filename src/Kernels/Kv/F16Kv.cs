using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MeKi.Kernels.Vectors;
using MeKi.Quant;

namespace MeKi.Kernels.Kv;

/// <summary>
/// F16. What half precision cannot hold saturates, so that the kernels meet neither infinity nor NaN, which their widening would take for numbers.
/// </summary>
internal readonly unsafe struct F16Kv : IFloatKv
{
    public static int BlockBytes => sizeof(ushort) * KvLayout.BlockColumns;

    public static int ValueScaleBytes => 0;

    public static int MostColumns => int.MaxValue;

    public static bool QuantizesQueries => false;

    public static float Factor => MovedHalf.Scale;

    public static int PairBytes => 16 * sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TWide First<TWide>(byte* pairs)
        where TWide : struct, IWideVector<TWide>
        => TWide.LowHalves(TWide.Load((float*)pairs));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TWide Second<TWide>(byte* pairs)
        where TWide : struct, IWideVector<TWide>
        => TWide.HighHalves(TWide.Load((float*)pairs));

    public static void StoreKey(byte* keys, int blocks, int position, int block, Span<float> x)
    {
        byte* to = Key(keys, blocks, position, block);
        fixed (float* columns = x)
        {
            for (int i = 0; i < KvLayout.BlockColumns; i += 8, to += 4 * 128)
            {
                // A pair of columns lies in the lower half of 64 bits.
                Vector256<ulong> wide = Halves(columns + i).AsUInt64(), pairs = wide | (wide >>> 16);
                *(uint*)to = (uint)pairs[0];
                *(uint*)(to + 128) = (uint)pairs[1];
                *(uint*)(to + 2 * 128) = (uint)pairs[2];
                *(uint*)(to + 3 * 128) = (uint)pairs[3];
            }
        }
    }

    public static void LoadKey(byte* keys, int blocks, int position, int block, Span<float> x)
    {
        byte* from = Key(keys, blocks, position, block);
        for (int i = 0; i < KvLayout.BlockColumns; i++)
            x[i] = (float)((Half*)(from + 128 * (i / 2)))[i % 2];
    }

    public static void StoreValue(byte* values, int position, int block, Span<float> x)
    {
        uint* to = (uint*)Value(values, position, block);
        fixed (float* columns = x)
        {
            // As Place says.
            for (int i = 0; i < KvLayout.BlockColumns; i += 16)
                (Halves(columns + i) | (Halves(columns + i + 8) << 16)).Store(to + i / 2);
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

    // Eight numbers in half precision, to the nearest, ties to even. In registers: who reads halves back from memory waits there for all stores before, and
    // those go to lines that no cache has.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Halves(float* x)
    {
        const int Exponents = (127 - 15) << 23;
        Vector256<float> most = Vector256.Create(F16.MaxValue), value = Vector256.Load(x);
        // NaN becomes the least number, as MaxNumber makes it.
        value = Vector256.ConditionalSelect(Vector256.Equals(value, value), value, -most);
        value = Vector256.MinNative(Vector256.MaxNative(value, -most), most);
        Vector256<float> magnitude = Vector256.Abs(value);
        Vector256<uint> bits = magnitude.AsUInt32(), odd = (bits >>> 13) & Vector256<uint>.One,
            normal = (bits + odd + Vector256.Create(unchecked(0xFFF - Exponents)).AsUInt32()) >>> 13,
            // What is below the least normal half is a multiple of 2^-24, the last bit of 0.5.
            subnormal = (magnitude + Vector256.Create(0.5f)).AsUInt32() - Vector256.Create(0.5f).AsUInt32(),
            isSmall = Vector256.LessThan(magnitude, Vector256.Create(1f / (1 << 14))).AsUInt32();
        return Vector256.ConditionalSelect(isSmall, subnormal, normal) | ((value.AsUInt32() >>> 16) & Vector256.Create(0x8000u));
    }
}
