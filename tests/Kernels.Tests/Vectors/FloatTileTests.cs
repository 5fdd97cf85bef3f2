using MeKi.Kernels.Arm;
using MeKi.Kernels.Vectors;
using MeKi.Kernels.X86;

namespace MeKi.Kernels.Tests.Vectors;

/// <summary>Each element of a tile of floats is one chain of multiply-adds, and nothing beside the tile is written.</summary>
public unsafe class FloatTileTests
{
    [Avx2Theory]
    [InlineData(1)]
    public void A_tile_in_one_register_of_sixteen_lanes_is_chains_of_multiply_adds(int seed) => Check<Avx512Vector>(seed);

    [Avx2Theory]
    [InlineData(2)]
    public void A_tile_in_two_registers_of_AVX2_is_chains_of_multiply_adds(int seed) => Check<TwoVectors<Avx2Vector<MultiplyAddAdjacentDot>>>(seed);

    [Theory]
    [InlineData(3)]
    public void A_tile_in_registers_of_AdvSimd_is_chains_of_multiply_adds(int seed) => Check<TwoVectors<NeonVector<EmulatedNeon, DotProductDot>>>(seed);

    private static void Check<TWide>(int seed)
        where TWide : struct, IWideVector<TWide>
    {
        const int Rows = FloatTile<TWide>.Rows, Columns = FloatTile<TWide>.Columns;
        Random random = new(seed);
        foreach (int depth in new[] { 0, 1, 2, 7, 32, 63, 128, 255, 256 })
        {
            int strideA = depth + random.Next(5), strideB = Columns + random.Next(9), strideC = Columns + random.Next(1, 9);
            float[] a = Numbers(Rows * strideA + 1, random), b = Numbers(depth * strideB + Columns, random), c = Numbers(Rows * strideC, random),
                expected = [.. c];
            for (int row = 0; row < Rows; row++)
            {
                for (int column = 0; column < Columns; column++)
                {
                    float sum = 0;
                    for (int k = 0; k < depth; k++)
                        sum = MathF.FusedMultiplyAdd(a[row * strideA + k], b[k * strideB + column], sum);
                    expected[row * strideC + column] = sum;
                }
            }
            fixed (float* pa = a, pb = b, pc = c)
                FloatTile<TWide>.Multiply(pa, strideA, pb, strideB, pc, strideC, depth);
            Bits.AssertSame(expected, c, $"depth {depth}, strides {strideA}, {strideB}, {strideC}");
        }
    }

    // Of all sizes, some zero, some below the least normal number.
    private static float[] Numbers(int count, Random random)
    {
        float[] all = new float[count];
        for (int i = 0; i < count; i++)
            all[i] = random.Next(8) == 0 ? 0 : MathF.ScaleB(random.NextSingle() - 0.5f, random.Next(4) == 0 ? -130 : random.Next(-20, 20));
        return all;
    }
}
