using System.Text;
using System.Text.RegularExpressions;

namespace MeKi.Model.Tokenization;

/// <summary>
/// One split pattern of a tokenizer, written for Oniguruma as <c>tokenizer.json</c> has it, run by .NET. What means the same is passed on, possessive
/// quantifiers become atomic groups, and what .NET would silently read as something else is refused.
/// </summary>
internal sealed class SplitPattern
{
    // Interpreted, not compiled: 65 ms against 25 ms per megabyte, but 4 ms against 16 ms until the first prompt, and native AOT interprets in any case.
    // Oniguruma's ^ and $ are always those of lines.
    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.Multiline;

    private readonly Regex _regex;

    /// <exception cref="ArgumentException">The pattern cannot be run; the message says why.</exception>
    public SplitPattern(string pattern)
    {
        if (pattern.Length == 0)
            throw Refused(pattern, "it is empty");
        try
        {
            _regex = new Regex(ToDotNet(pattern), Options);
        }
        catch (RegexParseException exception)
        {
            throw Refused(pattern, exception.Message.TrimEnd('.'));
        }
    }

    /// <summary>Appends where the pieces of a text end: each match is a piece, and so is what lies between two matches.</summary>
    public void Split(ReadOnlySpan<char> text, int offset, List<int> ends)
    {
        int last = 0;
        foreach (var match in _regex.EnumerateMatches(text))
        {
            if (match.Length == 0)
                continue;
            if (match.Index > last)
                ends.Add(offset + match.Index);
            last = match.Index + match.Length;
            ends.Add(offset + last);
        }
        if (last < text.Length)
            ends.Add(offset + text.Length);
    }

    private static string ToDotNet(string pattern)
    {
        var result = new StringBuilder(pattern.Length);
        var groups = new Stack<int>();
        int atom = 0; // where in the result the thing begins that a quantifier would repeat
        for (int i = 0; i < pattern.Length;)
        {
            int length = PartLength(pattern, i);
            string part = pattern.Substring(i, length);
            i += length;
            if (part is "*" or "+" or "?" || IsCount(part))
            {
                result.Append(part.StartsWith("{,", StringComparison.Ordinal) ? "{0" + part[1..] : part);
                if (i < pattern.Length && pattern[i] == '+' && part.Length == 1)
                {
                    result.Insert(atom, "(?>").Append(')');
                    i++;
                }
                else if (i < pattern.Length && pattern[i] == '?')
                {
                    result.Append('?');
                    i++;
                }
                continue;
            }
            if (part[0] == '(')
                groups.Push(result.Length);
            atom = part == ")" && groups.TryPop(out int start) ? start : result.Length;
            result.Append(part.StartsWith(@"\x{", StringComparison.Ordinal) ? BasicPlane(pattern, part) : part);
        }
        return result.ToString();
    }

    // The length of the escape, class, group opening, count or single character that begins here.
    private static int PartLength(string pattern, int at)
    {
        switch (pattern[at])
        {
            case '\\':
                bool braced = at + 2 < pattern.Length && pattern[at + 1] is 'p' or 'P' or 'x' && pattern[at + 2] == '{';
                int close = braced ? pattern.IndexOf('}', at) : -1;
                return close > 0 ? close - at + 1 : Math.Min(2, pattern.Length - at);
            case '[':
                return ClassLength(pattern, at);
            case '{':
                int end = pattern.IndexOf('}', at);
                return end > at && IsCount(pattern[at..(end + 1)]) ? end - at + 1 : 1;
            case '(' when at + 2 < pattern.Length && pattern[at + 1] == '?':
                int flags = 0;
                while (at + 2 + flags < pattern.Length && (char.IsAsciiLetter(pattern[at + 2 + flags]) || pattern[at + 2 + flags] == '-'))
                    flags++;
                string options = pattern.Substring(at + 2, flags);
                if (options.AsSpan().ContainsAnyExcept('i', '-'))
                    throw Refused(pattern, $"the option {UntrustedText.Quote(options)} means something else to .NET; only 'i' is supported");
                return 2 + flags;
            case var c when char.IsSurrogate(c):
                throw Refused(pattern, "it names a character beyond the basic plane");
            default:
                return 1;
        }
    }

    private static int ClassLength(string pattern, int open)
    {
        int first = open + 1 < pattern.Length && pattern[open + 1] == '^' ? open + 2 : open + 1;
        for (int i = first; i < pattern.Length; i++)
        {
            if (pattern[i] == '\\')
                i++;
            else if (pattern[i] == '[' || (pattern[i] == '&' && i + 1 < pattern.Length && pattern[i + 1] == '&'))
                throw Refused(pattern, "it nests or intersects character classes, which .NET reads differently");
            else if (char.IsSurrogate(pattern[i]))
                throw Refused(pattern, "it names a character beyond the basic plane");
            else if (pattern[i] == ']' && i > first)
                return i - open + 1;
        }
        throw Refused(pattern, "a character class is not closed");
    }

    private static bool IsCount(string part) =>
        part.Length > 2 && part[0] == '{' && part.AsSpan().ContainsAnyInRange('0', '9') && part.AsSpan(1, part.Length - 2).TrimStart("0123456789,").IsEmpty;

    private static string BasicPlane(string pattern, string escape)
    {
        string digits = escape[3..^1];
        return digits.Length is > 0 and <= 4 ? @"\u" + digits.PadLeft(4, '0') : throw Refused(pattern, "it names a character beyond the basic plane");
    }

    private static ArgumentException Refused(string pattern, string why) => new($"the split pattern {UntrustedText.Quote(pattern)} cannot be used: {why}");
}
