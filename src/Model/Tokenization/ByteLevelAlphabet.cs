namespace MeKi.Model.Tokenization;

/// <summary>
/// GPT-2's map of the 256 byte values to printable characters, in which the tokens of a byte-level vocabulary are spelt: printable Latin-1 stands
/// for itself, the remaining 68 values are U+0100 onwards in order. A space is <c>Ġ</c>.
/// </summary>
internal static class ByteLevelAlphabet
{
    private static readonly char[] s_chars = BuildChars();
    private static readonly short[] s_bytes = BuildBytes();

    /// <summary>The character that stands for a byte.</summary>
    public static char CharOf(byte value) => s_chars[value];

    /// <summary>Spells bytes, in UTF-8: at most two for each.</summary>
    /// <returns>How many there are.</returns>
    public static int Spell(ReadOnlySpan<byte> bytes, Span<byte> utf8)
    {
        int length = 0;
        foreach (byte value in bytes)
        {
            char spelt = s_chars[value];
            if (spelt >= 0x80)
                utf8[length++] = (byte)(0xC0 | (spelt >> 6));
            utf8[length++] = spelt >= 0x80 ? (byte)(0x80 | (spelt & 0x3F)) : (byte)spelt;
        }
        return length;
    }

    /// <summary>The bytes that a token text spells. Text outside the alphabet stands for itself.</summary>
    /// <param name="utf8">The text, valid UTF-8.</param>
    /// <param name="bytes">Receives them; at least as long as the text.</param>
    /// <returns>How many there are.</returns>
    public static int Read(ReadOnlySpan<byte> utf8, Span<byte> bytes)
    {
        int length = 0;
        for (int i = 0; i < utf8.Length; i++)
        {
            // The alphabet ends below U+0800: one byte, or two.
            int spelt = utf8[i] switch
            {
                < 0x80 => utf8[i],
                < 0xE0 => ((utf8[i] & 0x1F) << 6) | (utf8[++i] & 0x3F),
                _ => int.MaxValue,
            };
            if (spelt >= s_bytes.Length || s_bytes[spelt] < 0)
            {
                utf8.CopyTo(bytes);
                return utf8.Length;
            }
            bytes[length++] = (byte)s_bytes[spelt];
        }
        return length;
    }

    private static char[] BuildChars()
    {
        char[] chars = new char[256];
        char next = '\u0100';
        for (int value = 0; value < chars.Length; value++)
            chars[value] = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)value : next++;
        return chars;
    }

    private static short[] BuildBytes()
    {
        short[] bytes = new short[s_chars.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (int value = 0; value < s_chars.Length; value++)
            bytes[s_chars[value]] = (short)value;
        return bytes;
    }
}
