using System.Runtime.InteropServices;
using MeKi.Quant;

namespace MeKi.Kernels.Scalar;

/// <summary>Integer codes, scales and minima of a canonical block, read one by one as the block formats of <see cref="Quant"/> are documented.</summary>
internal static class CanonicalCodes
{
    /// <summary>The most columns a block has.</summary>
    public const int MaxColumns = 256;

    /// <summary>Whether sub-blocks have minima.</summary>
    public static bool HasMinima(GgmlType type) => type is GgmlType.Q4_K or GgmlType.Q5_K;

    /// <summary>Reads a block of which <c>value = scale · code − minimum</c>.</summary>
    /// <param name="type">Its format.</param>
    /// <param name="block">Its bytes.</param>
    /// <param name="codes">Receives [columns]; where a format has integer sub-scales, their products with them.</param>
    /// <param name="scales">Receives [columns / 32].</param>
    /// <param name="minima">Receives [columns / 32] where the format has minima.</param>
    public static void Read(GgmlType type, ReadOnlySpan<byte> block, Span<short> codes, Span<float> scales, Span<float> minima)
    {
        switch (type)
        {
            case GgmlType.Q8_0:
                scales[0] = HalfAt(block, 0);
                for (int i = 0; i < 32; i++)
                    codes[i] = (sbyte)block[2 + i];
                break;
            case GgmlType.Q4_0:
                scales[0] = HalfAt(block, 0);
                for (int i = 0; i < 16; i++)
                {
                    codes[i] = (short)((block[2 + i] & 15) - 8);
                    codes[16 + i] = (short)((block[2 + i] >> 4) - 8);
                }
                break;
            case GgmlType.Q4_K:
                ReadScalesAndMinima(block, scales, minima);
                for (int i = 0; i < 256; i++)
                    codes[i] = (short)RunNibble(block[16..], i);
                break;
            case GgmlType.Q5_K:
                ReadScalesAndMinima(block, scales, minima);
                for (int i = 0; i < 256; i++)
                    codes[i] = (short)(RunNibble(block[48..], i) | ((block[16 + i % 32] >> (i / 32)) & 1) << 4);
                break;
            case GgmlType.Q6_K:
                scales[..8].Fill(HalfAt(block, 208));
                for (int i = 0; i < 256; i++)
                    codes[i] = (short)((SixBits(block, i) - 32) * (sbyte)block[192 + i / 16]);
                break;
            default:
                throw new NotSupportedException($"{type} blocks have no integer codes.");
        }
    }

    private static void ReadScalesAndMinima(ReadOnlySpan<byte> block, Span<float> scales, Span<float> minima)
    {
        float d = HalfAt(block, 0), dmin = HalfAt(block, 2);
        ReadOnlySpan<byte> packed = block.Slice(4, 12);
        for (int j = 0; j < 8; j++)
        {
            int scale = j < 4 ? packed[j] & 63 : (packed[j + 4] & 15) | packed[j - 4] >> 6 << 4;
            int minimum = j < 4 ? packed[j + 4] & 63 : packed[j + 4] >> 4 | packed[j] >> 6 << 4;
            scales[j] = d * scale;
            minima[j] = dmin * minimum;
        }
    }

    // Runs of 32 bytes hold 64 codes: the first 32 in the low halves.
    private static int RunNibble(ReadOnlySpan<byte> runs, int i) => runs[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;

    private static int SixBits(ReadOnlySpan<byte> block, int i)
    {
        int half = i / 128, quarter = i % 128 / 32, column = i % 32;
        int low = block[64 * half + 32 * (quarter % 2) + column] >> (quarter / 2 * 4) & 15;
        return low | (block[128 + 32 * half + column] >> (2 * quarter) & 3) << 4;
    }

    private static float HalfAt(ReadOnlySpan<byte> block, int at) => (float)MemoryMarshal.Read<Half>(block[at..]);
}
