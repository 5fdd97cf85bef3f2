using System.Text.RegularExpressions;

namespace MeKi.Model.Tokenization;

/// <summary>
/// One split pattern of a tokenizer. Those that <see cref="SplitNames"/> knows are code; a file may bring others, which could take for ever. They run without
/// back-tracking where .NET can, and none goes on beyond a deadline.
/// </summary>
internal sealed class SplitPattern
{
    // Interpreted, not compiled: native AOT interprets in any case. Oniguruma's ^ and $ are always those of lines.
    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.Multiline;

    // Where a pattern begins with something optional, .NET 10 overlooks matches without back-tracking, unless there is an alternative. No text has this one.
    private const string Never = @"|\uDFFF";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly SplitScanner? _scanner;
    private readonly Regex? _regex;

    /// <exception cref="ArgumentException">The pattern cannot be run; the message says why.</exception>
    public SplitPattern(string pattern)
    {
        _scanner = SplitNames.ScannerOf(pattern);
        if (_scanner is not null)
            return;
        string translated = SplitSyntax.ToDotNet(pattern, out bool isSmall);
        try
        {
            _regex = Untrusted(translated, isSmall);
        }
        catch (RegexParseException exception)
        {
            throw SplitSyntax.Refused(pattern, exception.Message.TrimEnd('.'));
        }
    }

    /// <summary>Whether it is a regular expression, which needs <see cref="CharacterClasses.ForRegex"/>.</summary>
    public bool IsRegex => _regex is not null;

    /// <summary>When splitting a text must have ended: 100 times as long as any pattern takes that a model is trained with.</summary>
    public static long DeadlineFor(int textLength) => Environment.TickCount64 + (long)Patience.TotalMilliseconds + textLength / 250;

    /// <summary>Appends where the pieces of a text end: each match is a piece, and so is what lies between two matches.</summary>
    /// <exception cref="RegexMatchTimeoutException">The deadline passed.</exception>
    public void Split(ReadOnlySpan<char> text, int offset, List<int> ends, long deadline)
    {
        int last = 0;
        if (_scanner is not null)
        {
            while (last < text.Length && _scanner.Find(text, last, out int length) is >= 0 and int start)
                Add(start, length);
        }
        else
        {
            foreach (var match in _regex!.EnumerateMatches(text))
            {
                if (Environment.TickCount64 > deadline)
                    throw new RegexMatchTimeoutException();
                if (match.Length > 0)
                    Add(match.Index, match.Length);
            }
        }
        if (last < text.Length)
            ends.Add(offset + text.Length);

        void Add(int start, int length)
        {
            if (start > last)
                ends.Add(offset + start);
            last = start + length;
            ends.Add(offset + last);
        }
    }

    private static Regex Untrusted(string pattern, bool isSmall)
    {
        try
        {
            // The automaton has a state for each repetition: where they are many, back-tracking needs less memory.
            if (isSmall)
                return new(pattern + Never, Options | RegexOptions.NonBacktracking, Patience);
        }
        catch (NotSupportedException)
        {
            // It looks around, as most do.
        }
        return new(pattern, Options, Patience);
    }
}
