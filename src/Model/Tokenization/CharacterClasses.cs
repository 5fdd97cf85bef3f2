using System.Globalization;
using System.Text;

namespace MeKi.Model.Tokenization;

/// <summary>What split patterns ask of a character.</summary>
[Flags]
internal enum CharacterClass : byte
{
    /// <summary><c>\p{L}</c>.</summary>
    Letter = 1,

    /// <summary><c>\p{N}</c>.</summary>
    Number = 2,

    /// <summary><c>\s</c>.</summary>
    Space = 4,

    /// <summary><c>\p{M}</c>.</summary>
    Mark = 8,

    /// <summary><c>\p{P}</c>.</summary>
    Punctuation = 16,

    /// <summary><c>\p{S}</c>.</summary>
    Symbol = 32,

    /// <summary><c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]</c>.</summary>
    Upper = 64,

    /// <summary><c>[\p{Ll}\p{Lm}\p{Lo}\p{M}]</c>.</summary>
    Lower = 128,
}

/// <summary>
/// The classes of all characters as one table of 64 KB. A character beyond the basic plane is looked up by its stand-in, a surrogate that tells its category
/// and whether it is in <see cref="SplitNames.CasedLetters"/>.
/// </summary>
internal static class CharacterClasses
{
    private const char FirstStandIn = '\uD800', Cased = (char)32;

    // What regular expressions are given for a stand-in: characters of rare scripts, which no pattern names and which have no other case that one might.
    private const string Legible = "\u10A0\u2D00\u1F88\uA4F8\u1401\u135D\u1B04\u20DD\u1B50\u16EE\u1369\u0378\u0378\u0378\u0378\u2061\u0378\uE000"
        + "\u203F\u2E3A\u2045\u2046\u2E02\u2E03\u1B5A\u2A00\u20B5\uA700\u2800\u0378";

    private static readonly CharacterClass[] s_classes = [.. Enumerable.Range(0, 1 << 16).Select(static c => ClassOf((char)c))];

    private static readonly (int First, int Last)[] s_cased = [.. RangesOf(SplitNames.CasedLetters).Where(static range => range.First > char.MaxValue)];

    /// <summary>The classes by character.</summary>
    public static ReadOnlySpan<CharacterClass> Table => s_classes;

    /// <summary>The stand-in for a character beyond the basic plane.</summary>
    public static char StandIn(Rune rune)
    {
        bool isCased = Array.Exists(s_cased, range => rune.Value >= range.First && rune.Value <= range.Last);
        return (char)(FirstStandIn + (int)Rune.GetUnicodeCategory(rune) + (isCased ? Cased : 0));
    }

    /// <summary>The category of a character or of what it stands in for.</summary>
    public static UnicodeCategory CategoryOf(char c) => char.IsSurrogate(c) ? (UnicodeCategory)((c - FirstStandIn) % Cased) : char.GetUnicodeCategory(c);

    /// <summary>What a regular expression is given for a character: itself, but for a stand-in a letter or sign of the same category.</summary>
    public static char ForRegex(char c) => char.IsSurrogate(c) ? Legible[(c - FirstStandIn) % Cased] : c;

    /// <summary>The ranges of a character class as patterns spell it, such as <c>a-z_</c>.</summary>
    public static IEnumerable<(int First, int Last)> RangesOf(string spelt)
    {
        Rune[] runes = [.. spelt.EnumerateRunes()];
        for (int i = 0; i < runes.Length; i++)
        {
            bool isRange = i + 2 < runes.Length && runes[i + 1].Value == '-';
            yield return (runes[i].Value, runes[isRange ? i + 2 : i].Value);
            i += isRange ? 2 : 0;
        }
    }

    /// <summary>The characters of a class, with the stand-ins of <see cref="SplitNames.CasedLetters"/> where it is that class.</summary>
    public static char[] CharactersOf(string spelt) =>
    [
        .. RangesOf(spelt).Where(static range => range.First <= char.MaxValue)
            .SelectMany(static range => Enumerable.Range(range.First, range.Last - range.First + 1)).Select(static c => (char)c),
        .. spelt == SplitNames.CasedLetters ? Enumerable.Range(FirstStandIn + Cased, Cased).Select(static c => (char)c) : [],
    ];

    private static CharacterClass ClassOf(char c)
    {
        UnicodeCategory category = CategoryOf(c);
        if (char.IsSurrogate(c) && c >= FirstStandIn + 2 * Cased)
            return 0;
        CharacterClass result = category switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => CharacterClass.Letter | CharacterClass.Upper,
            UnicodeCategory.LowercaseLetter => CharacterClass.Letter | CharacterClass.Lower,
            UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharacterClass.Letter | CharacterClass.Upper | CharacterClass.Lower,
            <= UnicodeCategory.EnclosingMark => CharacterClass.Mark | CharacterClass.Upper | CharacterClass.Lower,
            <= UnicodeCategory.OtherNumber => CharacterClass.Number,
            >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation => CharacterClass.Punctuation,
            >= UnicodeCategory.MathSymbol and <= UnicodeCategory.OtherSymbol => CharacterClass.Symbol,
            _ => 0,
        };
        return char.IsWhiteSpace(c) ? result | CharacterClass.Space : result;
    }
}
