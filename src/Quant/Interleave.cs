using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// The 32-byte vectors panels are made of: four bytes of each row.
/// <code>
/// byte 4·r + j   row r's byte j
/// </code>
/// A chunk is four columns; 32 columns are eight chunks. Four-bit codes keep chunk c in the low and chunk c + 4 in the high half of vector c.
/// </summary>
internal static class Interleave
{
    /// <summary>Bytes of a vector.</summary>
    public const int VectorBytes = 4 * PanelFormat.Rows;

    /// <summary>A row's four bytes of a vector.</summary>
    public static uint Take(ReadOnlySpan<byte> vectors, int vector, int row) =>
        BinaryPrimitives.ReadUInt32LittleEndian(vectors[(vector * VectorBytes + 4 * row)..]);

    /// <summary>Sets a row's four bytes of a vector.</summary>
    public static void Place(Span<byte> vectors, int vector, int row, uint bytes) =>
        BinaryPrimitives.WriteUInt32LittleEndian(vectors[(vector * VectorBytes + 4 * row)..], bytes);

    /// <summary>Places a row's bytes, a whole number of chunks, in consecutive vectors.</summary>
    public static void Scatter(ReadOnlySpan<byte> bytes, Span<byte> vectors, int row)
    {
        for (int chunk = 0; chunk < bytes.Length / 4; chunk++)
            Place(vectors, chunk, row, BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 * chunk)..]));
    }

    /// <summary>Collects a row's bytes from consecutive vectors.</summary>
    public static void Gather(ReadOnlySpan<byte> vectors, int row, Span<byte> bytes)
    {
        for (int chunk = 0; chunk < bytes.Length / 4; chunk++)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[(4 * chunk)..], Take(vectors, chunk, row));
    }

    /// <summary>Places 32 four-bit codes of a row that are the low (or high) halves of 32 bytes: four vectors.</summary>
    public static void ScatterNibbles(ReadOnlySpan<byte> bytes, bool high, Span<byte> vectors, int row)
    {
        Vector128<byte> first = Vector128.Create(bytes[..16]), second = Vector128.Create(bytes.Slice(16, 16)), mask = Vector128.Create((byte)0x0F);
        Vector128<byte> pairs = high ? (first >>> 4) | (second & ~mask) : (first & mask) | (second << 4);
        Span<byte> paired = stackalloc byte[16];
        pairs.CopyTo(paired);
        Scatter(paired, vectors, row);
    }

    /// <summary>Collects 32 four-bit codes of a row from four vectors and adds them to the low (or high) halves of 32 bytes.</summary>
    public static void GatherNibbles(ReadOnlySpan<byte> vectors, int row, bool high, Span<byte> bytes)
    {
        for (int chunk = 0; chunk < 4; chunk++)
        {
            uint pairs = Take(vectors, chunk, row);
            uint low = pairs & 0x0F0F0F0F, upper = (pairs >> 4) & 0x0F0F0F0F;
            Span<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
            words[chunk] |= high ? low << 4 : low;
            words[chunk + 4] |= high ? upper << 4 : upper;
        }
    }

    /// <summary>
    /// Gathers two bits of each of 16 bytes: bits 2·c and 2·c + 1 of byte j of the result are bits <paramref name="shift"/> and the next of byte 4·c + j.
    /// </summary>
    public static uint GatherPairs(ReadOnlySpan<byte> bytes, int shift)
    {
        uint pairs = 0;
        for (int chunk = 0; chunk < 4; chunk++)
            pairs |= (BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 * chunk)..]) >> shift & 0x03030303) << (2 * chunk);
        return pairs;
    }

    /// <summary>Adds to 16 bytes what <see cref="GatherPairs"/> took from them.</summary>
    public static void ScatterPairs(uint pairs, Span<byte> bytes, int shift)
    {
        for (int chunk = 0; chunk < 4; chunk++)
        {
            Span<byte> word = bytes[(4 * chunk)..];
            BinaryPrimitives.WriteUInt32LittleEndian(word, BinaryPrimitives.ReadUInt32LittleEndian(word) | (pairs >> (2 * chunk) & 0x03030303) << shift);
        }
    }

    /// <summary>Gathers one bit of each of 32 bytes: bit c of byte j of the result is bit <paramref name="bit"/> of byte 4·c + j.</summary>
    public static uint GatherBits(ReadOnlySpan<byte> bytes, int bit)
    {
        uint bits = 0;
        for (int chunk = 0; chunk < 8; chunk++)
            bits |= (BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 * chunk)..]) >> bit & 0x01010101) << chunk;
        return bits;
    }

    /// <summary>Adds to 32 bytes what <see cref="GatherBits"/> took from them.</summary>
    public static void ScatterBits(uint bits, Span<byte> bytes, int bit)
    {
        for (int chunk = 0; chunk < 8; chunk++)
        {
            Span<byte> word = bytes[(4 * chunk)..];
            BinaryPrimitives.WriteUInt32LittleEndian(word, BinaryPrimitives.ReadUInt32LittleEndian(word) | (bits >> chunk & 0x01010101) << bit);
        }
    }

    /// <summary>Places a row's value of a table of two-byte numbers.</summary>
    public static void PlaceHalf(ReadOnlySpan<byte> half, Span<byte> halves, int row) => half[..2].CopyTo(halves[(2 * row)..]);

    /// <summary>Collects a row's value of a table of two-byte numbers.</summary>
    public static void TakeHalf(ReadOnlySpan<byte> halves, int row, Span<byte> half) => halves.Slice(2 * row, 2).CopyTo(half);
}
