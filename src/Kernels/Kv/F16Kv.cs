using System.Numerics.Tensors;
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
