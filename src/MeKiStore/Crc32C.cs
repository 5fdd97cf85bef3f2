using System.Buffers.Binary;
using System.Numerics;

namespace MeKi.Store;

/// <summary>CRC-32C (Castagnoli, as in iSCSI, RFC 3720 appendix B.4): one instruction per eight bytes on x64 and ARM64.</summary>
public static class Crc32C
{
    /// <summary>What <see cref="Append"/> begins with.</summary>
    public const uint Initial = 0xFFFFFFFF;

    /// <summary>The checksum of one run of bytes.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes) => ~Append(Initial, bytes);

    /// <summary>Continues a checksum that began with <see cref="Initial"/>; invert the last result.</summary>
    public static uint Append(uint state, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= 8; bytes = bytes[8..])
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte value in bytes)
            state = BitOperations.Crc32C(state, value);
        return state;
    }
}
