namespace MeKi.Model.Files;

/// <summary>JSON as Python writes it, in which <c>NaN</c>, <c>Infinity</c> and <c>-Infinity</c> stand for numbers that JSON does not have.</summary>
internal static class PythonJson
{
    /// <summary>The text with these words in quotes: whoever needs the number is told that it is none, and nobody else cares.</summary>
    /// <returns>Null where there is no such word outside of strings.</returns>
    public static byte[]? Quote(ReadOnlySpan<byte> text)
    {
        using MemoryStream quoted = new(text.Length + 16);
        int copied = 0;
        bool inString = false;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '"')
                inString = !inString;
            else if (inString && text[i] == '\\')
                i++;
            int length = inString ? 0 : WordLength(text[i..]);
            if (length == 0)
                continue;
            quoted.Write(text[copied..i]);
            quoted.WriteByte((byte)'"');
            quoted.Write(text.Slice(i, length));
            quoted.WriteByte((byte)'"');
            copied = i + length;
            i = copied - 1;
        }
        if (copied == 0)
            return null;
        quoted.Write(text[copied..]);
        return quoted.ToArray();
    }

    private static int WordLength(ReadOnlySpan<byte> text) =>
        text.StartsWith("NaN"u8) ? 3 : text.StartsWith("Infinity"u8) ? 8 : text.StartsWith("-Infinity"u8) ? 9 : 0;
}
