using System.Buffers;
using System.Globalization;
using System.Text;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Patterns written for Oniguruma, as <c>tokenizer.json</c> has them, in the syntax of .NET. What means the same is passed on, possessive quantifiers become
/// atomic groups, and what .NET would silently read as something else is refused. Takes a time that grows with the pattern's length, which is bounded.
/// </summary>
internal static class SplitSyntax
{
    // The longest in use, of GPT-4o, has 400 characters and nests two groups.
    private const int MaxLength = 8192, MaxDepth = 32, MaxCountDigits = 6;

    // An automaton stays small up to this length and this product of all counts.
    private const int SmallLength = 2000, FewRepetitions = 1000;

    private static readonly SearchValues<char> s_count = SearchValues.Create("0123456789,");

    /// <param name="pattern">The pattern.</param>
    /// <param name="isSmall">Whether its automaton is: it is short, and repeats things a few times or without bounds.</param>
    /// <exception cref="ArgumentException">The pattern cannot be used.</exception>
    public static string ToDotNet(string pattern, out bool isSmall)
    {
        if (pattern.Length == 0)
            throw Refused(pattern, "it is empty");
        if (pattern.Length > MaxLength)
            throw Refused(pattern, $"it has {pattern.Length} characters where at most {MaxLength} are allowed");
        StringBuilder result = new(pattern.Length);
        Stack<int> groups = new();
        List<int> atomic = [];
        long repetitions = 1;
        int atom = 0; // where in the result the thing begins that a quantifier would repeat
        for (int i = 0; i < pattern.Length;)
        {
            int length = PartLength(pattern, i);
            ReadOnlySpan<char> part = pattern.AsSpan(i, length);
            i += length;
            if (part is "*" or "+" or "?" || IsCount(part))
            {
                result.Append(part.StartsWith("{,") ? "{0" : "").Append(part.StartsWith("{,") ? part[1..] : part);
                if (part.Length > 1)
                    repetitions = Math.Min(repetitions * LargestCount(pattern, part), FewRepetitions + 1);
                if (i < pattern.Length && pattern[i] == '+' && part.Length == 1)
                {
                    atomic.Add(atom);
                    result.Append(')');
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
            if (groups.Count > MaxDepth)
                throw Refused(pattern, $"it nests groups deeper than {MaxDepth}");
            atom = part is ")" && groups.TryPop(out int start) ? start : result.Length;
            if (part.StartsWith(@"\x{"))
                result.Append(BasicPlane(pattern, part));
            else
                result.Append(part);
        }
        isSmall = repetitions <= FewRepetitions && pattern.Length <= SmallLength;
        return Open(result, atomic);
    }

    public static ArgumentException Refused(string pattern, string why) => new($"the split pattern {UntrustedText.Quote(pattern)} cannot be used: {why}");

    // The groups that possessive quantifiers closed begin where the quantified thing does.
    private static string Open(StringBuilder closed, List<int> atomic)
    {
        if (atomic.Count == 0)
            return closed.ToString();
        atomic.Sort();
        StringBuilder result = new(closed.Length + 3 * atomic.Count);
        int from = 0;
        foreach (int at in atomic)
        {
            result.Append(closed, from, at - from).Append("(?>");
            from = at;
        }
        return result.Append(closed, from, closed.Length - from).ToString();
    }

    // The length of the escape, class, group opening, count or single character that begins here.
    private static int PartLength(string pattern, int at)
    {
        switch (pattern[at])
        {
            case '\\':
                bool braced = at + 2 < pattern.Length && pattern[at + 1] is 'p' or 'P' or 'x' && pattern[at + 2] == '{';
                int close = braced ? pattern.AsSpan(at, Math.Min(64, pattern.Length - at)).IndexOf('}') : -1;
                return close > 0 ? close + 1 : Math.Min(2, pattern.Length - at);
            case '[':
                return ClassLength(pattern, at);
            case '{':
                int digits = pattern.AsSpan(at + 1).IndexOfAnyExcept(s_count);
                return digits > 0 && IsCount(pattern.AsSpan(at, digits + 2)) ? digits + 2 : 1;
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

    private static bool IsCount(ReadOnlySpan<char> part) =>
        part.Length > 2 && part[0] == '{' && part[^1] == '}' && part.ContainsAnyInRange('0', '9') && !part[1..^1].ContainsAnyExcept(s_count);

    private static int LargestCount(string pattern, ReadOnlySpan<char> count)
    {
        int largest = 1;
        foreach (Range range in count[1..^1].Split(','))
        {
            ReadOnlySpan<char> number = count[1..^1][range];
            if (number.Length > MaxCountDigits)
                throw Refused(pattern, "it repeats something more often than a million times");
            if (number.Length > 0)
                largest = Math.Max(largest, int.Parse(number, CultureInfo.InvariantCulture));
        }
        return largest;
    }

    private static string BasicPlane(string pattern, ReadOnlySpan<char> escape)
    {
        ReadOnlySpan<char> digits = escape[3..^1];
        return digits.Length is > 0 and <= 4
            ? $@"\u{digits.ToString().PadLeft(4, '0')}"
            : throw Refused(pattern, "it names a character beyond the basic plane");
    }
}
