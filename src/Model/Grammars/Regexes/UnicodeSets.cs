using System.Globalization;

namespace MeKi.Model.Grammars.Regexes;

/// <summary>The sets of characters that regular expressions have names for.</summary>
internal static class UnicodeSets
{
    private static readonly Lazy<CharSet[]> s_categories = new(ReadCategories);

    private static readonly Dictionary<string, string> s_longNames = new()
    {
        ["Letter"] = "L", ["Cased_Letter"] = "LC", ["Uppercase_Letter"] = "Lu", ["Lowercase_Letter"] = "Ll", ["Titlecase_Letter"] = "Lt",
        ["Modifier_Letter"] = "Lm", ["Other_Letter"] = "Lo", ["Mark"] = "M", ["Combining_Mark"] = "M", ["Nonspacing_Mark"] = "Mn",
        ["Spacing_Mark"] = "Mc", ["Enclosing_Mark"] = "Me", ["Number"] = "N", ["Decimal_Number"] = "Nd", ["digit"] = "Nd", ["Letter_Number"] = "Nl",
        ["Other_Number"] = "No", ["Punctuation"] = "P", ["punct"] = "P", ["Connector_Punctuation"] = "Pc", ["Dash_Punctuation"] = "Pd",
        ["Open_Punctuation"] = "Ps", ["Close_Punctuation"] = "Pe", ["Initial_Punctuation"] = "Pi", ["Final_Punctuation"] = "Pf",
        ["Other_Punctuation"] = "Po", ["Symbol"] = "S", ["Math_Symbol"] = "Sm", ["Currency_Symbol"] = "Sc", ["Modifier_Symbol"] = "Sk",
        ["Other_Symbol"] = "So", ["Separator"] = "Z", ["Space_Separator"] = "Zs", ["Line_Separator"] = "Zl", ["Paragraph_Separator"] = "Zp",
        ["Other"] = "C", ["Control"] = "Cc", ["cntrl"] = "Cc", ["Format"] = "Cf", ["Surrogate"] = "Cs", ["Private_Use"] = "Co", ["Unassigned"] = "Cn",
    };

    // In the order of UnicodeCategory.
    private static readonly string[] s_shortNames =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "Sm", "Sc", "Sk", "So", "Cn",
    ];

    /// <summary><c>\d</c>.</summary>
    public static CharSet Digits { get; } = CharSet.Range('0', '9');

    /// <summary><c>\w</c>.</summary>
    public static CharSet WordCharacters { get; } = CharSet.Range('a', 'z').Or(CharSet.Range('A', 'Z')).Or(Digits).Or(CharSet.Of('_'));

    /// <summary><c>\s</c>.</summary>
    public static CharSet Spaces { get; } = CharSet.OfText("\t\n\v\f\r \u00A0\u1680\u2028\u2029\u202F\u205F\u3000\uFEFF").Or(CharSet.Range(0x2000, 0x200A));

    /// <summary>What <c>.</c> does not match.</summary>
    public static CharSet LineEnds { get; } = CharSet.OfText("\n\r\u2028\u2029");

    /// <summary>The set of <c>\p{name}</c>: a general category or one of a few properties; null where it is not known.</summary>
    public static CharSet? Find(string name)
    {
        int equals = name.IndexOf('=', StringComparison.Ordinal);
        if (equals >= 0)
        {
            if (name[..equals] is not ("General_Category" or "gc"))
                return null;
            name = name[(equals + 1)..];
        }
        switch (name)
        {
            case "Any":
                return CharSet.Any;
            case "ASCII":
                return CharSet.Range(0, 127);
            case "Assigned":
                return Category("Cn")?.Not();
            case "ASCII_Hex_Digit" or "AHex":
                return Digits.Or(CharSet.Range('a', 'f')).Or(CharSet.Range('A', 'F'));
            case "White_Space" or "space":
                return Spaces.Without(CharSet.Of(0xFEFF)).Or(CharSet.Of(0x85));
        }
        return Category(s_longNames.GetValueOrDefault(name, name));
    }

    private static CharSet? Category(string name)
    {
        if (name == "LC")
            return Category("Lu")!.Or(Category("Ll")!).Or(Category("Lt")!);
        CharSet? found = null;
        for (int i = 0; i < s_shortNames.Length; i++)
        {
            if (s_shortNames[i] == name || (name.Length == 1 && s_shortNames[i][0] == name[0]))
                found = found is null ? s_categories.Value[i] : found.Or(s_categories.Value[i]);
        }
        return found;
    }

    private static CharSet[] ReadCategories()
    {
        List<int>[] borders = [.. s_shortNames.Select(static _ => new List<int>())];
        int open = -1;
        for (int scalar = 0; scalar <= CharSet.End; scalar++)
        {
            int category = scalar == CharSet.End ? -1 : (int)CharUnicodeInfo.GetUnicodeCategory(scalar);
            if (category == open)
                continue;
            if (open >= 0)
                borders[open].Add(scalar);
            if (category >= 0)
                borders[category].Add(scalar);
            open = category;
        }
        return [.. borders.Select(CharSet.OfBorders)];
    }
}
