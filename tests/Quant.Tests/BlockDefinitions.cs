using System.Runtime.InteropServices;

namespace MeKi.Quant.Tests;

/// <summary>The value of one code, written out from the definition of each block: what every decoder must equal bit for bit.</summary>
internal static class BlockDefinitions
{
    public static float Value(GgmlType type, ReadOnlySpan<byte> block, int i) => type switch
    {
        GgmlType.F32 => MemoryMarshal.Read<float>(block),
        GgmlType.F16 => Half(block, 0),
        GgmlType.BF16 => BitConverter.UInt32BitsToSingle((uint)(block[0] << 16 | block[1] << 24)),
        GgmlType.Q8_0 => Half(block, 0) * (sbyte)block[2 + i],
        GgmlType.Q4_0 => Half(block, 0) * (Nibble(block[2..], i) - 8),
        GgmlType.Q4_1 => Half(block, 0) * Nibble(block[4..], i) + Half(block, 2),
        GgmlType.Q5_0 => Half(block, 0) * ((Nibble(block[6..], i) | Bit(block[2..], i) << 4) - 16),
        GgmlType.Q5_1 => Half(block, 0) * (Nibble(block[8..], i) | Bit(block[4..], i) << 4) + Half(block, 2),
        GgmlType.IQ4_NL => Half(block, 0) * IQ4_NL.Grid[Nibble(block[2..], i)],
        GgmlType.Q2_K => Half(block, 80) * (block[i / 16] & 15) * TwoBits(block[16..], i) - Half(block, 82) * (block[i / 16] >> 4),
        GgmlType.Q3_K => Half(block, 108) * (ThirdScale(block[96..], i / 16) - 32) * ((TwoBits(block[32..], i) | (block[i % 32] >> (i / 32) & 1) << 2) - 4),
        GgmlType.Q4_K => ScaleAndMinimum(block, i / 32) is var (scale, minimum) ? scale * RunNibble(block[16..], i) - minimum : 0,
        GgmlType.Q5_K => ScaleAndMinimum(block, i / 32) is var (scale, minimum)
            ? scale * (RunNibble(block[48..], i) | (block[16 + i % 32] >> (i / 32) & 1) << 4) - minimum : 0,
        GgmlType.Q6_K => Half(block, 208) * (sbyte)block[192 + i / 16] * (SixBits(block, i) - 32),
        _ => throw new ArgumentException($"{type} has no definition here: write it down.", nameof(type)),
    };

    private static float Half(ReadOnlySpan<byte> block, int at) => (float)MemoryMarshal.Read<Half>(block[at..]);

    private static int Nibble(ReadOnlySpan<byte> bytes, int i) => i < 16 ? bytes[i] & 15 : bytes[i - 16] >> 4;

    private static int RunNibble(ReadOnlySpan<byte> bytes, int i) => bytes[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;

    private static int TwoBits(ReadOnlySpan<byte> halves, int i) => halves[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;

    private static int ThirdScale(ReadOnlySpan<byte> packed, int j) =>
        (j < 8 ? packed[j] & 15 : packed[j - 8] >> 4) | (packed[8 + j % 4] >> (j / 4 * 2) & 3) << 4;

    private static int Bit(ReadOnlySpan<byte> bytes, int i) => bytes[i / 8] >> (i % 8) & 1;

    private static int SixBits(ReadOnlySpan<byte> block, int i)
    {
        (int half, int quarter, int column) = (i / 128, i % 128 / 32, i % 32);
        int low = block[64 * half + 32 * (quarter % 2) + column] >> (quarter / 2 * 4) & 15;
        return low | (block[128 + 32 * half + column] >> (2 * quarter) & 3) << 4;
    }

    private static (float Scale, float Minimum) ScaleAndMinimum(ReadOnlySpan<byte> block, int j)
    {
        ReadOnlySpan<byte> packed = block.Slice(4, 12);
        (int scale, int minimum) = j < 4
            ? (packed[j] & 63, packed[j + 4] & 63)
            : (packed[j + 4] & 15 | packed[j - 4] >> 6 << 4, packed[j + 4] >> 4 | packed[j] >> 6 << 4);
        return (Half(block, 0) * scale, Half(block, 2) * minimum);
    }
}
