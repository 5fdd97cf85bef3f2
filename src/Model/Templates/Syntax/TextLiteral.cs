using System.Globalization;
using System.Text;

namespace MeKi.Model.Templates.Syntax;

/// <summary>A text in quotes, with Python's escapes.</summary>
internal static class TextLiteral
{
    /// <param name="text">What stands between the quotes.</param>
    /// <param name="line">Where.</param>
    public static string Read(ReadOnlySpan<char> text, int line)
    {
        StringBuilder made = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 == text.Length)
            {
                made.Append(text[i]);
                continue;
            }
            char escape = text[++i];
            int digits = escape switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            if (digits > 0)
            {
                if (i + digits >= text.Length
                    || !uint.TryParse(text.Slice(i + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint code)
                    || code >= 0x110000)
                    throw new SyntaxFault($"truncated \\{escape} escape in a text", line);
                // A half of a pair stands for itself; two make one character.
                made.Append(code < 0x10000 ? ((char)code).ToString() : char.ConvertFromUtf32((int)code));
                i += digits;
            }
            else if (escape is >= '0' and <= '7')
            {
                int code = 0, end = Math.Min(i + 3, text.Length);
                for (; i < end && text[i] is >= '0' and <= '7'; i++)
                    code = code * 8 + text[i] - '0';
                i--;
                made.Append((char)code);
            }
            else if (escape == 'N')
                throw new SyntaxFault("\\N escapes in a text are not supported: write \\u with the character's number", line);
            else
            {
                made.Append(escape switch
                {
                    '\n' => "",
                    '\\' or '\'' or '"' => escape.ToString(),
                    'a' => "\a",
                    'b' => "\b",
                    'f' => "\f",
                    'n' => "\n",
                    'r' => "\r",
                    't' => "\t",
                    'v' => "\v",
                    _ => "\\" + escape,
                });
            }
        }
        return made.ToString();
    }
}
