using System.Text.RegularExpressions;

namespace MeKi.Model.Tokenization;

/// <summary>
/// One split pattern of a tokenizer. Those that <see cref="SplitNames"/> knows take a time that grows with the text alone; a file may bring others, which
/// could take for ever. They run without back-tracking where .NET can, and none goes on beyond a deadline.
/// </summary>
internal sealed class SplitPattern
{
    // Interpreted, not compiled: 65 ms against 25 ms per megabyte, but 4 ms against 16 ms until the first prompt, and native AOT interprets in any case.
    // Oniguruma's ^ and $ are always those of lines.
    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.Multiline;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly Regex _regex;
    private readonly bool _isKnown;

    /// <exception cref="ArgumentException">The pattern cannot be run; the message says why.</exception>
    public SplitPattern(string pattern)
    {
        _isKnown = SplitNames.HasPattern(pattern);
        string translated = SplitSyntax.ToDotNet(pattern, out bool isSmall);
        try
        {
            _regex = _isKnown ? new(translated, Options) : Untrusted(translated, isSmall);
        }
        catch (RegexParseException exception)
        {
            throw SplitSyntax.Refused(pattern, exception.Message.TrimEnd('.'));
        }
    }

    /// <summary>When splitting a text must have ended: 100 times as long as any pattern takes that a model is trained with.</summary>
    public static long DeadlineFor(int textLength) => Environment.TickCount64 + (long)Patience.TotalMilliseconds + textLength / 250;

    /// <summary>Appends where the pieces of a text end: each match is a piece, and so is what lies between two matches.</summary>
    /// <exception cref="RegexMatchTimeoutException">The deadline passed.</exception>
    public void Split(ReadOnlySpan<char> text, int offset, List<int> ends, long deadline)
    {
        int last = 0;
        foreach (var match in _regex.EnumerateMatches(text))
        {
            if (!_isKnown && Environment.TickCount64 > deadline)
                throw new RegexMatchTimeoutException();
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

    private static Regex Untrusted(string pattern, bool isSmall)
    {
        try
        {
            // The automaton has a state for each repetition: where they are many, back-tracking needs less memory.
            if (isSmall)
                return new(pattern, Options | RegexOptions.NonBacktracking, Patience);
        }
        catch (NotSupportedException)
        {
            // It looks around, as most do.
        }
        return new(pattern, Options, Patience);
    }
}
