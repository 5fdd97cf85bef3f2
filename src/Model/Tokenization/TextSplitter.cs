using System.Text;
using System.Text.RegularExpressions;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Cuts text into the pieces that are merged on their own. A character beyond the basic plane is two UTF-16 units, which no class such as <c>\p{L}</c>
/// matches; so the patterns run on a shadow of the text that has one stand-in of the same category for each such character.
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
            return Split(text, text, deadline);

        char[] shadow = new char[text.Length];
        int[] sourceEnds = new int[text.Length];
        int length = 0;
        for (int at = 0; at < text.Length;)
        {
            // A lone surrogate reads as U+FFFD here as it does when the piece becomes UTF-8.
            Rune.DecodeFromUtf16(text[at..], out var rune, out int units);
            at += units;
            shadow[length] = rune.IsBmp ? (char)rune.Value : CharacterClasses.StandIn(rune);
            sourceEnds[length++] = at;
        }
        Span<char> characters = shadow.AsSpan(0, length);
        char[] forRegex = Array.Exists(patterns, static pattern => pattern.IsRegex) ? new char[length] : [];
        for (int i = 0; i < forRegex.Length; i++)
            forRegex[i] = CharacterClasses.ForRegex(characters[i]);
        var ends = Split(characters, forRegex, deadline);
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

    private List<int> Split(ReadOnlySpan<char> text, ReadOnlySpan<char> forRegex, long deadline)
    {
        List<int> ends = text.Length > 0 ? [text.Length] : [];
        for (int i = 0; i < patterns.Length; i++)
        {
            var finer = new List<int>(ends.Count);
            ReadOnlySpan<char> read = patterns[i].IsRegex ? forRegex : text;
            int start = 0;
            try
            {
                foreach (int end in ends)
                {
                    patterns[i].Split(read[start..end], start, finer, deadline);
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
}
