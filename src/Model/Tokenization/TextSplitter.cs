using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Cuts text into the pieces that are merged on their own. .NET patterns see UTF-16 units, in which no class such as <c>\p{L}</c> matches a character
/// beyond the basic plane; so the patterns run on a shadow of the text that has one stand-in of the same category for each such character.
/// </summary>
/// <param name="patterns">Applied one after the other, each to the pieces of the one before.</param>
/// <param name="path">The file that the patterns came from.</param>
internal sealed class TextSplitter(SplitPattern[] patterns, string path)
{
    private const int MostPatterns = 64;

    /// <summary>A splitter by patterns as the file has them.</summary>
    /// <exception cref="InvalidTokenizerException">One cannot be used, or there are too many.</exception>
    public static TextSplitter Of(IReadOnlyList<string> patterns, string path)
    {
        if (patterns.Count > MostPatterns)
            throw new InvalidTokenizerException("split patterns", $"there are {patterns.Count} where at most {MostPatterns} are allowed");
        return new([.. patterns.Select(static (pattern, i) => Build(pattern, i))], path);
    }

    /// <summary>Where the pieces end, as ascending offsets into the text; the last is its length. Empty for an empty text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="deadline">When it must have ended, as <see cref="SplitPattern.DeadlineFor"/> gives it.</param>
    /// <exception cref="ModelFileException">A pattern that the file brought takes too long.</exception>
    public List<int> Split(ReadOnlySpan<char> text, long deadline)
    {
        if (!text.ContainsAnyInRange('\uD800', '\uDFFF'))
            return SplitBasicPlane(text, deadline);

        char[] shadow = new char[text.Length];
        int[] sourceEnds = new int[text.Length];
        int length = 0;
        for (int at = 0; at < text.Length;)
        {
            // A lone surrogate reads as U+FFFD here as it does when the piece becomes UTF-8.
            Rune.DecodeFromUtf16(text[at..], out var rune, out int units);
            at += units;
            shadow[length] = rune.IsBmp ? (char)rune.Value : StandIn(Rune.GetUnicodeCategory(rune));
            sourceEnds[length++] = at;
        }
        var ends = SplitBasicPlane(shadow.AsSpan(0, length), deadline);
        for (int i = 0; i < ends.Count; i++)
            ends[i] = sourceEnds[ends[i] - 1];
        return ends;
    }

    private static SplitPattern Build(string pattern, int number)
    {
        try
        {
            return new SplitPattern(pattern);
        }
        catch (ArgumentException exception)
        {
            throw new InvalidTokenizerException($"split pattern {number}", exception.Message);
        }
    }

    private List<int> SplitBasicPlane(ReadOnlySpan<char> text, long deadline)
    {
        List<int> ends = text.Length > 0 ? [text.Length] : [];
        for (int i = 0; i < patterns.Length; i++)
        {
            var finer = new List<int>(ends.Count);
            int start = 0;
            try
            {
                foreach (int end in ends)
                {
                    patterns[i].Split(text[start..end], start, finer, deadline);
                    start = end;
                }
            }
            catch (RegexMatchTimeoutException exception)
            {
                throw new ModelFileException(path, $"split pattern {i}", $"takes too long on a text of {text.Length} characters",
                    "Use another file of this model: no model is trained with such a pattern", exception);
            }
            ends = finer;
        }
        return ends;
    }

    // Characters of rare scripts, which no pattern names and which have no other case that one might.
    private static char StandIn(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\u10A0',
        UnicodeCategory.LowercaseLetter => '\u2D00',
        UnicodeCategory.TitlecaseLetter => '\u1F88',
        UnicodeCategory.ModifierLetter => '\uA4F8',
        UnicodeCategory.OtherLetter => '\u1401',
        UnicodeCategory.NonSpacingMark => '\u135D',
        UnicodeCategory.SpacingCombiningMark => '\u1B04',
        UnicodeCategory.EnclosingMark => '\u20DD',
        UnicodeCategory.DecimalDigitNumber => '\u1B50',
        UnicodeCategory.LetterNumber => '\u16EE',
        UnicodeCategory.OtherNumber => '\u1369',
        UnicodeCategory.ConnectorPunctuation => '\u203F',
        UnicodeCategory.DashPunctuation => '\u2E3A',
        UnicodeCategory.OpenPunctuation => '\u2045',
        UnicodeCategory.ClosePunctuation => '\u2046',
        UnicodeCategory.InitialQuotePunctuation => '\u2E02',
        UnicodeCategory.FinalQuotePunctuation => '\u2E03',
        UnicodeCategory.OtherPunctuation => '\u1B5A',
        UnicodeCategory.MathSymbol => '\u2A00',
        UnicodeCategory.CurrencySymbol => '\u20B5',
        UnicodeCategory.ModifierSymbol => '\uA700',
        UnicodeCategory.OtherSymbol => '\u2800',
        UnicodeCategory.Format => '\u2061',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\u0378', // unassigned; beyond the basic plane there are no spaces and no control characters
    };
}
