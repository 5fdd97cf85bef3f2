using System.Text;

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

    /// <summary>The bytes that a token text spells. Text outside the alphabet stands for itself, in UTF-8.</summary>
    public static byte[] BytesOf(string token)
    {
        byte[] bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            if (token[i] >= s_bytes.Length || s_bytes[token[i]] < 0)
                return Encoding.UTF8.GetBytes(token);
            bytes[i] = (byte)s_bytes[token[i]];
        }
        return bytes;
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
