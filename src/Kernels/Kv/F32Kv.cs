using System.Runtime.CompilerServices;
using MeKi.Kernels.Vectors;

namespace MeKi.Kernels.Kv;

/// <summary>F32.</summary>
internal readonly unsafe struct F32Kv : IFloatKv
{
    public static int BlockBytes => sizeof(float) * KvLayout.BlockColumns;

    public static int ValueScaleBytes => 0;

    public static int MostColumns => int.MaxValue;

    public static bool QuantizesQueries => false;

    public static float Factor => 1;

    public static int PairBytes => 16 * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TWide First<TWide>(byte* pairs)
        where TWide : struct, IWideVector<TWide>
        => TWide.Load(pairs, pairs + PairBytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TWide Second<TWide>(byte* pairs)
        where TWide : struct, IWideVector<TWide>
        => TWide.Load(pairs + 32, pairs + PairBytes + 32);

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
