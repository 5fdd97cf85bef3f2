using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>The fifth bits of the 32 codes of a <see cref="Q5_0"/> or <see cref="Q5_1"/> block: a little-endian 32-bit word, bit i for code i.</summary>
internal static class FifthBits
{
    /// <summary>Sixteen of the bits, each as a byte of 0 or 16.</summary>
    /// <param name="bits">Two bytes of the word.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Spread(ReadOnlySpan<byte> bits)
    {
        // Lane i holds the byte that has its bit (the product copies a byte eight times) and tests bit i % 8 of it.
        const ulong Copies = 0x0101_0101_0101_0101, OneBitEach = 0x8040_2010_0804_0201;
        Vector128<byte> mask = Vector128.Create(OneBitEach).AsByte();
        Vector128<byte> copies = Vector128.Create(bits[0] * Copies, bits[1] * Copies).AsByte();
        return Vector128.Equals(copies & mask, mask) & Vector128.Create((byte)16);
    }

    /// <summary>Collects bit 4 of 32 codes into four bytes.</summary>
    public static void Pack(ReadOnlySpan<byte> codes, Span<byte> bits)
    {
        // Moved to bit 7, where the sign masks are taken from.
        uint low = (Vector128.Create(codes) << 3).ExtractMostSignificantBits(), high = (Vector128.Create(codes[16..]) << 3).ExtractMostSignificantBits();
        uint word = low | (high << 16);
        BinaryPrimitives.WriteUInt32LittleEndian(bits, word);
    }
}
