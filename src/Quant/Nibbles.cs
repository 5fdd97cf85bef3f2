using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeKi.Quant;

/// <summary>
/// Two 4-bit codes in a byte. The formats keep the codes of one run of values in the low halves of the bytes and those of the next run in the high halves.
/// </summary>
internal static class Nibbles
{
    /// <summary>The codes in the low and in the high halves of sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<byte> Low, Vector128<byte> High) Split(ReadOnlySpan<byte> bytes)
    {
        Vector128<byte> both = Vector128.Create(bytes);
        return (both & Vector128.Create((byte)0x0F), both >>> 4);
    }

    /// <summary>One code of 256 in four runs of 32 bytes, of which the low halves hold the first 32.</summary>
    public static int OfRuns(ReadOnlySpan<byte> runs, int i) => runs[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;

    /// <summary>
    /// Packs codes of which only the lower four bits are kept: the first half of them goes into the low halves of the bytes, the rest into the high halves.
    /// </summary>
    /// <param name="codes">Twice as many codes as bytes.</param>
    /// <param name="bytes">Receives the bytes, a multiple of 16.</param>
    public static void Pack(ReadOnlySpan<byte> codes, Span<byte> bytes)
    {
        ReadOnlySpan<byte> high = codes[bytes.Length..];
        for (int i = 0; i < bytes.Length; i += 16)
        {
            Vector128<byte> low = Vector128.Create(codes.Slice(i, 16)) & Vector128.Create((byte)0x0F);
            (low | (Vector128.Create(high.Slice(i, 16)) << 4)).CopyTo(bytes.Slice(i, 16));
        }
    }
}
