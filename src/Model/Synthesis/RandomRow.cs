using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeKi.Model.Synthesis;

/// <summary>
/// Rows of random numbers, each a function of its stream and index alone, so that any thread may make any row and the bytes are the same on every machine.
/// <para>
/// A value is the sum of four 16-bit numbers, centred and scaled: a bell that ends at ±3.46 deviations. The bits come from xoshiro128++, eight generators side
/// by side in the lanes of a vector, seeded per row by SplitMix64; lane i makes the values i, i + 8, i + 16, … All arithmetic up to the last multiplication is
/// on integers below 2^18, exact in single precision, and costs less than encoding the value. No row repeats another, so that neither caches nor compressing
/// file systems get it for less than a real model.
/// </para>
/// </summary>
internal static class RandomRow
{
    private const int Lanes = 8;

    // Of the sum of four numbers that are uniform on 0 … 65535: mean 4 · 65535 / 2, variance 4 · (65536² − 1) / 12.
    private const int Mean = 131_070;
    private const double Deviation = 37_837.2272;

    /// <summary>A stream for everything that has one name. The hash (FNV-1a) is spelt out since the bytes may not change with the runtime.</summary>
    public static ulong Stream(int seed, string name)
    {
        ulong hash = 14695981039346656037;
        foreach (char letter in name)
            hash = (hash ^ letter) * 1099511628211;
        return Mix(hash ^ Mix((uint)seed));
    }

    /// <summary>Fills a row with values of mean 0.</summary>
    /// <param name="stream">See <see cref="Stream"/>.</param>
    /// <param name="row">The row's index in it.</param>
    /// <param name="deviation">Standard deviation.</param>
    /// <param name="values">Receives the row.</param>
    public static void Fill(ulong stream, int row, float deviation, Span<float> values)
    {
        Span<ulong> seeds = stackalloc ulong[Lanes * 2];
        ulong state = Mix(stream + (uint)row);
        for (int i = 0; i < seeds.Length; i++)
            seeds[i] = Mix(state += 0x9E3779B97F4A7C15);
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<ulong, uint>(seeds);
        Vector256<uint> a = Vector256.Create(words), b = Vector256.Create(words[8..]), c = Vector256.Create(words[16..]), d = Vector256.Create(words[24..]);

        float scale = (float)(deviation / Deviation);
        for (; values.Length >= Lanes; values = values[Lanes..])
            Next(ref a, ref b, ref c, ref d, scale).CopyTo(values);
        Span<float> last = stackalloc float[Lanes];
        Next(ref a, ref b, ref c, ref d, scale).CopyTo(last);
        last[..values.Length].CopyTo(values);
    }

    // Inlined, or the four states would go through memory for every eight values.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Next(ref Vector256<uint> a, ref Vector256<uint> b, ref Vector256<uint> c, ref Vector256<uint> d, float scale)
    {
        Vector256<uint> low = Vector256.Create(0xFFFFu);
        Vector256<uint> first = NextBits(ref a, ref b, ref c, ref d), second = NextBits(ref a, ref b, ref c, ref d);
        Vector256<uint> sum = (first & low) + (first >>> 16) + (second & low) + (second >>> 16);
        return Vector256.ConvertToSingle(sum.AsInt32() - Vector256.Create(Mean)) * scale;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> NextBits(ref Vector256<uint> a, ref Vector256<uint> b, ref Vector256<uint> c, ref Vector256<uint> d)
    {
        Vector256<uint> sum = a + d;
        Vector256<uint> result = ((sum << 7) | (sum >>> 25)) + a;
        Vector256<uint> shifted = b << 9;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= shifted;
        d = (d << 11) | (d >>> 21);
        return result;
    }

    // The finaliser of SplitMix64.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
