using System.Buffers.Binary;

namespace MeKi.Fuzz.Mutation;

/// <summary>Changes to bytes that are nothing but bytes: bits, integers of all widths, cuts, repetitions, parts of another file.</summary>
internal static class BytesMutation
{
    private const int MostBytes = 1 << 20, HeaderBytes = 4096;

    /// <param name="bytes">What is changed; stays as it is.</param>
    /// <param name="other">Another file, whose parts may be taken.</param>
    /// <param name="random">Chooses.</param>
    public static byte[] Mutate(byte[] bytes, byte[] other, Random random)
    {
        for (int round = Interesting.Rounds(random); round > 0; round--)
            bytes = Once(bytes, other, random);
        return bytes;
    }

    private static byte[] Once(byte[] bytes, byte[] other, Random random)
    {
        if (bytes.Length == 0)
            return other[..Math.Min(other.Length, 16)];
        int at = Place(bytes.Length, random), length = Math.Min(bytes.Length - at, Length(random));
        switch (random.Next(11))
        {
            case 0:
                return Changed(bytes, copy => copy[at] ^= (byte)(1 << random.Next(8)));
            case 1:
                return Changed(bytes, copy => copy[at] = (byte)random.Next(256));
            case 2:
            case 3:
            case 4:
                return Changed(bytes, copy => Write(copy.AsSpan(at), random));
            case 5:
                return bytes[..at];
            case 6:
                return [.. bytes[..at], .. bytes[(at + length)..]];
            case 7:
                return Bounded([.. bytes[..(at + length)], .. bytes[at..]]);
            case 8:
                byte[] inserted = new byte[length];
                random.NextBytes(random.Next(2) == 0 ? inserted : []);
                return Bounded([.. bytes[..at], .. inserted, .. bytes[at..]]);
            case 9:
                return Changed(bytes, copy => copy.AsSpan(at, length).Fill((byte)(random.Next(2) * 255)));
            default:
                int from = random.Next(other.Length + 1), to = Math.Min(other.Length, from + Length(random));
                return Bounded([.. bytes[..at], .. other[from..to], .. random.Next(3) == 0 ? [] : bytes[Math.Min(bytes.Length, at + to - from)..]]);
        }
    }

    private static byte[] Bounded(byte[] bytes) => bytes.Length > MostBytes ? bytes[..MostBytes] : bytes;

    private static byte[] Changed(byte[] bytes, Action<byte[]> change)
    {
        byte[] copy = (byte[])bytes.Clone();
        change(copy);
        return copy;
    }

    // Most of what can break stands at the beginning.
    private static int Place(int length, Random random) => random.Next(random.Next(3) == 0 ? length : Math.Min(length, HeaderBytes));

    private static int Length(Random random) => random.Next(8) == 0 ? random.Next(1, 4096) : random.Next(1, 40);

    private static void Write(Span<byte> at, Random random)
    {
        long value = Interesting.Integer(random);
        switch (random.Next(4))
        {
            case 0 when at.Length >= 8:
                BinaryPrimitives.WriteInt64LittleEndian(at, value);
                break;
            case 1 when at.Length >= 4:
                BinaryPrimitives.WriteInt32LittleEndian(at, (int)value);
                break;
            case 2 when at.Length >= 2:
                BinaryPrimitives.WriteInt16LittleEndian(at, (short)value);
                break;
            default:
                at[0] = (byte)value;
                break;
        }
    }
}
