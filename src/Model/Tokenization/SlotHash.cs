using System.Runtime.InteropServices;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Hashes for the tables of a vocabulary: folded 128-bit products, as wyhash has them. Seeded anew in each process, so that no file can be made whose tokens all meet in one
/// slot and whose loading takes minutes.
/// </summary>
internal static class SlotHash
{
    // Odd, with as many ones as zeros.
    private const ulong Factor = 0xA0761D6478BD642F;

    private static readonly ulong s_seed = (ulong)Random.Shared.NextInt64();

    /// <summary>The hash of a pair of ids.</summary>
    public static ulong Of(int left, int right) => Fold(Fold(s_seed ^ (uint)left) ^ (uint)right);

    /// <summary>The hash of a text.</summary>
    public static ulong Of(ReadOnlySpan<byte> text)
    {
        ulong hash = s_seed ^ (uint)text.Length;
        for (; text.Length >= sizeof(ulong); text = text[sizeof(ulong)..])
            hash = Fold(hash ^ MemoryMarshal.Read<ulong>(text));
        ulong rest = 0;
        for (int i = 0; i < text.Length; i++)
            rest |= (ulong)text[i] << (8 * i);
        return Fold(hash ^ rest);
    }

    private static ulong Fold(ulong value)
    {
        ulong high = Math.BigMul(value, Factor, out ulong low);
        return high ^ low;
    }
}
