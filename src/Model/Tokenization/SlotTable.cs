using System.Numerics;
using System.Runtime.InteropServices;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Open addressing over the numbers of what is looked for: a slot has the number, plus one, in its lower bits and a tag of the hash above, so that a look-up
/// touches what the number stands for only where it is the right one, but for one in 16,384 with 2^18 numbers. Four bytes a slot: the two tables of Qwen3's
/// vocabulary take 2 MB.
/// <para>
/// Hashes are folded 128-bit products, as wyhash has them, and seeded anew in each process, so that no file can be made whose tokens all meet in one slot and
/// whose loading takes minutes.
/// </para>
/// </summary>
internal sealed class SlotTable
{
    // Odd, with as many ones as zeros.
    private const ulong Factor = 0xA0761D6478BD642F;

    private static readonly ulong s_seed = (ulong)Random.Shared.NextInt64();

    private readonly uint[] _slots;
    private readonly int _numberBits;

    /// <param name="numbers">How many there are, from 0.</param>
    public SlotTable(int numbers)
    {
        // A power of two, at most three quarters of them taken.
        _slots = new uint[BitOperations.RoundUpToPowerOf2((uint)numbers / 3 * 4 + 4)];
        _numberBits = 32 - BitOperations.LeadingZeroCount((uint)numbers);
    }

    /// <summary>The hash of a pair of ids.</summary>
    public static ulong Hash(int left, int right) => Fold(Fold(s_seed ^ (uint)left) ^ (uint)right);

    /// <summary>The hash of a text.</summary>
    public static ulong Hash(ReadOnlySpan<byte> text)
    {
        ulong hash = s_seed ^ (uint)text.Length;
        for (; text.Length >= sizeof(ulong); text = text[sizeof(ulong)..])
            hash = Fold(hash ^ MemoryMarshal.Read<ulong>(text));
        ulong rest = 0;
        for (int i = 0; i < text.Length; i++)
            rest |= (ulong)text[i] << (8 * i);
        return Fold(hash ^ rest);
    }

    /// <summary>Where to look first.</summary>
    public int First(ulong hash) => (int)(hash >> 32) & (_slots.Length - 1);

    /// <summary>Walks on to the next number that may be the one.</summary>
    /// <param name="hash">Its hash.</param>
    /// <param name="at">Where to look; then where the number was found, or the free slot where it belongs.</param>
    /// <returns>The number, or -1 where there is none.</returns>
    public int Candidate(ulong hash, ref int at)
    {
        uint tag = Tag(hash), numbers = (1u << _numberBits) - 1;
        for (; ; at++)
        {
            at &= _slots.Length - 1;
            uint slot = _slots[at];
            if (slot == 0)
                return -1;
            if ((slot & ~numbers) == tag)
                return (int)(slot & numbers) - 1;
        }
    }

    /// <summary>Puts a number where <see cref="Candidate"/> found a free slot.</summary>
    public void Put(int at, ulong hash, int number) => _slots[at] = Tag(hash) | (uint)(number + 1);

    private uint Tag(ulong hash) => (uint)hash << _numberBits;

    private static ulong Fold(ulong value)
    {
        ulong high = Math.BigMul(value, Factor, out ulong low);
        return high ^ low;
    }
}
