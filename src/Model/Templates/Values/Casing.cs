using System.Globalization;
using System.Text;

namespace MeKi.Model.Templates.Values;

/// <summary>Upper and lower case by Unicode's full mappings: a letter may become several.</summary>
internal static class Casing
{
    // The letters of SpecialCasing.txt without conditions, and what they become.
    private const string Several = "ßŉǰΐΰևẖẗẘẙẚﬀﬁﬂﬃﬄﬅﬆﬓﬔﬕﬖﬗ";

    private static readonly string[] Uppers =
    [
        "SS", "ʼN", "J̌", "Ϊ́", "Ϋ́", "ԵՒ", "H̱", "T̈", "W̊", "Y̊", "Aʾ", "FF", "FI", "FL", "FFI", "FFL", "ST", "ST", "ՄՆ", "ՄԵ", "ՄԻ", "ՎՆ", "ՄԽ",
    ];

    public static string Upper(string text) => Ascii.IsValid(text) ? text.ToUpperInvariant()
        : Map(text, static (upper, code, _) => upper.Append(UpperOf(code)));

    public static string Lower(string text) => Ascii.IsValid(text) ? text.ToLowerInvariant()
        : Map(text, (lower, code, at) => lower.Append(LowerOf(text, code, at)));

    /// <summary>Lower case for comparisons.</summary>
    public static string Fold(string text) => Map(text, (folded, code, at) => folded.Append(
        code.Value < 0x10000 && Several.Contains((char)code.Value, StringComparison.Ordinal) ? Lower(UpperOf(code))
        : code.Value == 'ς' ? "σ" : code.Value == 'Σ' ? "σ" : code.Value == 'ẞ' ? "ss" : LowerOf(text, code, at)));

    public static string Swap(string text) => Map(text, (swapped, code, at) => swapped.Append(Rune.IsUpper(code) ? LowerOf(text, code, at) : UpperOf(code)));

    /// <summary>The first letter in upper case, the others in lower.</summary>
    public static string Capitalize(string text) => Map(text, (made, code, at) => made.Append(at == 0 ? TitleOf(code) : LowerOf(text, code, at)));

    /// <summary>The first letter of each word in upper case, the others in lower; what is no letter stands between words.</summary>
    public static string Title(string text)
    {
        bool wasCased = false;
        return Map(text, (made, code, at) =>
        {
            made.Append(wasCased ? LowerOf(text, code, at) : TitleOf(code));
            wasCased = IsCased(code);
        });
    }

    /// <summary>Whether a letter has a case.</summary>
    public static bool IsCased(Rune code) => Rune.IsUpper(code) || Rune.IsLower(code) || Rune.GetUnicodeCategory(code) == UnicodeCategory.TitlecaseLetter
        // Letters that are numbers, in circles, or raised.
        || code.Value is 0xAA or 0xBA or (>= 0x2160 and <= 0x217F) or (>= 0x24B6 and <= 0x24E9);

    /// <summary>Whether there are letters with a case and none of the other case.</summary>
    public static bool IsAll(string text, bool isUpper)
    {
        bool any = false;
        foreach (Rune code in text.EnumerateRunes())
        {
            if (!IsCased(code))
                continue;
            if (isUpper ? !IsUpper(code) : !IsLower(code))
                return false;
            any = true;
        }
        return any;
    }

    private static bool IsUpper(Rune code) => Rune.IsUpper(code) || code.Value is (>= 0x2160 and <= 0x216F) or (>= 0x24B6 and <= 0x24CF);

    private static bool IsLower(Rune code) => Rune.IsLower(code) || code.Value is 0xAA or 0xBA or (>= 0x2170 and <= 0x217F) or (>= 0x24D0 and <= 0x24E9);

    private static string UpperOf(Rune code)
    {
        int several = code.Value is > 127 and < 0x10000 ? Several.IndexOf((char)code.Value, StringComparison.Ordinal) : -1;
        return several >= 0 ? Uppers[several] : Rune.ToUpperInvariant(code).ToString();
    }

    private static string TitleOf(Rune code)
    {
        string upper = UpperOf(code);
        // Of several letters the first alone is one of a title; of a letter that is two (DŽ) the title's form follows the upper one.
        if (code.Value is (>= 0x1C4 and <= 0x1CC) or (>= 0x1F1 and <= 0x1F3))
            return code.Value switch { <= 0x1C6 => "ǅ", <= 0x1C9 => "ǈ", <= 0x1CC => "ǋ", _ => "ǲ" };
        return upper.Length > 1 && !char.IsSurrogate(upper[0]) ? upper[..1] + Lower(upper[1..]) : upper;
    }

    private static string LowerOf(string text, Rune code, int at) => code.Value switch
    {
        'Σ' => IsLast(text, at) ? "ς" : "σ",
        'İ' => "i̇",
        _ => Rune.ToLowerInvariant(code).ToString(),
    };

    // A sigma is written otherwise behind a letter and before none.
    private static bool IsLast(string text, int at)
    {
        int before = at - 1, after = at + 1;
        while (before >= 0 && IsIgnored(text[before]))
            before--;
        while (after < text.Length && IsIgnored(text[after]))
            after++;
        return before >= 0 && char.IsLetter(text[before]) && !(after < text.Length && char.IsLetter(text[after]));
    }

    private static bool IsIgnored(char c) => c is '\'' or '.' or ':' or '·' or '’' or '^' or '`' or '¨' || char.GetUnicodeCategory(c)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
        or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static string Map(string text, Action<StringBuilder, Rune, int> append)
    {
        StringBuilder made = new(text.Length);
        for (int i = 0; i < text.Length;)
        {
            if (Rune.TryGetRuneAt(text, i, out Rune code))
                append(made, code, i);
            else
                made.Append(text[i]);
            i += PythonText.Width(text, i);
        }
        return made.ToString();
    }
}
