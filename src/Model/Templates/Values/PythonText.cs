using System.Globalization;
using System.Text;

namespace MeKi.Model.Templates.Values;

/// <summary>What Python knows of characters and lines.</summary>
internal static class PythonText
{
    /// <summary>Whether Python takes a character for whitespace.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';

    /// <summary>Without characters at both ends.</summary>
    /// <param name="text">The text.</param>
    /// <param name="characters">The characters to take away; null for whitespace.</param>
    public static string Strip(string text, string? characters) => StripEnd(StripStart(text, characters), characters);

    public static string StripStart(string text, string? characters)
    {
        int start = 0;
        while (start < text.Length)
        {
            int width = Width(text, start);
            if (!IsStripped(text.AsSpan(start, width), characters))
                break;
            start += width;
        }
        return text[start..];
    }

    public static string StripEnd(string text, string? characters)
    {
        int end = text.Length;
        while (end > 0)
        {
            int width = end > 1 && char.IsSurrogatePair(text[end - 2], text[end - 1]) ? 2 : 1;
            if (!IsStripped(text.AsSpan(end - width, width), characters))
                break;
            end -= width;
        }
        return text[..end];
    }

    /// <summary>How many chars the code point at a place has.</summary>
    public static int Width(string text, int at) => at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]) ? 2 : 1;

    /// <summary>The lines of a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="keepEnds">Whether what ends a line is part of it.</param>
    public static IEnumerable<string> SplitLines(string text, bool keepEnds = false)
    {
        for (int start = 0; start < text.Length;)
        {
            int end = start;
            while (end < text.Length && !IsLineEnd(text[end]))
                end++;
            int next = end == text.Length ? end : text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? end + 2 : end + 1;
            yield return text[start..(keepEnds ? next : end)];
            start = next;
        }
    }

    /// <summary>The order of two texts by code points.</summary>
    public static int Compare(string x, string y)
    {
        int common = x.AsSpan().CommonPrefixLength(y);
        if (common == x.Length || common == y.Length)
            return x.Length.CompareTo(y.Length);
        // A half of a pair stands for a code point above all single chars.
        (char a, char b) = (x[common], y[common]);
        bool aIsHalf = IsHalf(x, common), bIsHalf = IsHalf(y, common);
        return aIsHalf == bIsHalf ? a.CompareTo(b) : aIsHalf ? 1 : -1;

        static bool IsHalf(string text, int at) => Width(text, at) == 2 || (at > 0 && char.IsSurrogatePair(text[at - 1], text[at]));
    }

    /// <summary>A text in quotes, as Python would read it again.</summary>
    public static string Repr(string text)
    {
        char quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        StringBuilder quoted = new(text.Length + 2);
        quoted.Append(quote);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == quote || c == '\\')
                quoted.Append('\\').Append(c);
            else if (c is '\n' or '\r' or '\t')
                quoted.Append('\\').Append(c switch { '\n' => 'n', '\r' => 'r', _ => 't' });
            else if (c is >= ' ' and <= '~')
                quoted.Append(c);
            else if (Width(text, i) == 2)
            {
                int code = char.ConvertToUtf32(c, text[i + 1]);
                if (IsPrintable(CharUnicodeInfo.GetUnicodeCategory(code)))
                    quoted.Append(c).Append(text[i + 1]);
                else
                    quoted.Append(CultureInfo.InvariantCulture, $"\\U{code:x8}");
                i++;
            }
            else if (IsPrintable(char.GetUnicodeCategory(c)))
                quoted.Append(c);
            else
                quoted.Append(c < 256 ? $"\\x{(int)c:x2}" : $"\\u{(int)c:x4}");
        }
        return quoted.Append(quote).ToString();
    }

    /// <summary>Writes what ASCII does not have as Python's escapes.</summary>
    public static string EscapeBeyondAscii(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\x7F'))
            return text;
        StringBuilder made = new();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] < 0x80)
                made.Append(text[i]);
            else if (Width(text, i) == 2)
                made.Append(CultureInfo.InvariantCulture, $"\\U{char.ConvertToUtf32(text[i], text[++i]):x8}");
            else if (text[i] < 0x100)
                made.Append(CultureInfo.InvariantCulture, $"\\x{(int)text[i]:x2}");
            else
                made.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
        }
        return made.ToString();
    }

    public static bool IsPrintable(UnicodeCategory category) => category is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    /// <summary>Safe for HTML.</summary>
    public static string Escape(string text) => !text.AsSpan().ContainsAny("&<>'\"") ? text : new StringBuilder(text)
        .Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("'", "&#39;").Replace("\"", "&#34;").ToString();

    private static bool IsStripped(ReadOnlySpan<char> character, string? characters) => characters is null
        ? character.Length == 1 && IsSpace(character[0])
        : characters.AsSpan().IndexOf(character) is var at && at >= 0
            && (character.Length == 2 || !char.IsSurrogate(character[0]) || Width(characters, at) == 1);

    private static bool IsLineEnd(char c) => c is '\n' or '\r' or '\v' or '\f' or '\u001C' or '\u001D' or '\u001E' or '\u0085' or '\u2028' or '\u2029';
}
