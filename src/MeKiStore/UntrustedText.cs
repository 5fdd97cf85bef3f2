using System.Globalization;
using System.Text;

namespace MeKi;

/// <summary>Text from a file or a command line that is shown: in a message, in a table.</summary>
internal static class UntrustedText
{
    private const int MaxQuoted = 80;

    /// <summary>Quotes a name so that a hostile one can neither flood the message nor break its line.</summary>
    internal static string Quote(string text) => $"'{Line(text, MaxQuoted)}'";

    /// <summary>The place that messages about a tensor name.</summary>
    internal static string Tensor(string name) => $"tensor {Quote(name)}";

    /// <summary>
    /// The text as a part of one line: what would move the cursor, turn the direction of writing or not be seen becomes a question mark, what is too long
    /// ends in three dots.
    /// </summary>
    /// <param name="text">Any text.</param>
    /// <param name="most">The most characters to show.</param>
    internal static string Line(string text, int most)
    {
        bool isCut = text.Length > most;
        if (!isCut && !text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            return text;
        // A pair of surrogates is one character.
        int shown = isCut && most > 0 && char.IsSurrogatePair(text[most - 1], text[most]) ? most - 1 : Math.Min(text.Length, most);
        StringBuilder clean = new(shown + 3);
        foreach (Rune rune in text.AsSpan(0, shown).EnumerateRunes())
        {
            // Half of a pair comes as U+FFFD.
            clean.Append(IsHidden(rune) ? new Rune('?') : rune);
        }
        return clean.Append(isCut ? "..." : "").ToString();
    }

    private static bool IsHidden(Rune rune) => Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        // Letters and marks without a picture.
        || rune.Value is 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or (>= 0x180B and <= 0x180F) or 0x3164 or 0xFFA0 or (>= 0xE0000 and <= 0xE0FFF);
}
