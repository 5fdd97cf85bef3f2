using System.Globalization;
using System.Text;

namespace MeKi.Model.Grammars.Regexes;

/// <summary>
/// Reads ECMA-262 regular expressions as JSON Schema uses them: with the flag <c>u</c>, but for needless escapes of punctuation, which are let pass.
/// </summary>
internal sealed class RegexParser
{
    private const int MostCharacters = 20_000, DeepestGroup = 200, MostRepetitions = 1_000_000;

    private readonly int[] _pattern;
    private readonly string _place;
    private int _at, _depth;

    private RegexParser(string pattern, string place) => (_pattern, _place) = ([.. pattern.EnumerateRunes().Select(static rune => rune.Value)], place);

    private bool IsAtEnd => _at >= _pattern.Length;

    /// <summary>Reads a regular expression.</summary>
    /// <param name="pattern">The expression.</param>
    /// <param name="place">Where it stands, for messages; empty where it stands alone.</param>
    /// <exception cref="GrammarException">It is malformed, or has what no automaton can do.</exception>
    public static RegexSyntax Parse(string pattern, string place)
    {
        RegexParser parser = new(pattern, place);
        if (parser._pattern.Length > MostCharacters)
            throw parser.Fault($"has {parser._pattern.Length} characters where {MostCharacters} are allowed");
        RegexSyntax syntax = parser.ReadChoice();
        return parser.IsAtEnd ? syntax : throw parser.Fault("closes a group that is not open");
    }

    private GrammarException Fault(string problem, string remedy = "") =>
        new(_place.Length > 0 ? "JSON schema" : "regular expression", _place.Length > 0 ? _place : $"character {_at}", _place.Length > 0
            ? $"the regular expression {UntrustedText.Quote(string.Concat(_pattern.Select(static scalar => new Rune(scalar).ToString())))} "
                + $"{problem}, at character {_at}"
            : problem, remedy);

    private int Peek(int ahead = 0) => _at + ahead < _pattern.Length ? _pattern[_at + ahead] : -1;

    private bool TryTake(int scalar)
    {
        if (Peek() != scalar)
            return false;
        _at++;
        return true;
    }

    private bool TryTake(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (Peek(i) != text[i])
                return false;
        }
        _at += text.Length;
        return true;
    }

    private RegexSyntax ReadChoice()
    {
        if (++_depth > DeepestGroup)
            throw Fault($"nests groups more than {DeepestGroup} deep");
        List<RegexSyntax> parts = [ReadSequence()];
        while (TryTake('|'))
            parts.Add(ReadSequence());
        _depth--;
        return parts.Count == 1 ? parts[0] : new ChoiceSyntax(parts);
    }

    private SequenceSyntax ReadSequence()
    {
        List<RegexSyntax> parts = [];
        while (!IsAtEnd && Peek() is not ('|' or ')'))
        {
            RegexSyntax part = ReadAtom();
            int at = _at;
            if (TryReadQuantifier(out int least, out int? most))
            {
                if (part is PlaceSyntax)
                    throw Fault("repeats a place between characters");
                part = new RepeatSyntax(part, least, most, at);
                if (Peek() is '*' or '+' or '?')
                    throw Fault("repeats a repetition");
            }
            parts.Add(part);
        }
        return new(parts);
    }

    private bool TryReadQuantifier(out int least, out int? most)
    {
        (least, most) = (0, null);
        switch (Peek())
        {
            case '*':
                _at++;
                break;
            case '+':
                (least, _at) = (1, _at + 1);
                break;
            case '?':
                (most, _at) = (1, _at + 1);
                break;
            case '{':
                int start = _at++;
                int? first = ReadNumber();
                int? last = first;
                if (first is null || (TryTake(',') && (last = ReadNumber()) is null && Peek() != '}') || !TryTake('}'))
                {
                    // A brace that opens no quantifier stands for itself.
                    _at = start;
                    return false;
                }
                (least, most) = (first.Value, last);
                if (most < least)
                    throw Fault($"repeats from {least} to {most} times");
                break;
            default:
                return false;
        }
        // A lazy quantifier matches the same texts.
        TryTake('?');
        return true;
    }

    private int? ReadNumber()
    {
        long? value = null;
        while (Peek() is >= '0' and <= '9')
        {
            value = (value ?? 0) * 10 + _pattern[_at++] - '0';
            if (value > MostRepetitions)
                throw Fault($"repeats more than {MostRepetitions} times");
        }
        return (int?)value;
    }

    private RegexSyntax ReadAtom()
    {
        int scalar = _pattern[_at++];
        switch (scalar)
        {
            case '^':
                return new PlaceSyntax(TermKind.TextStart);
            case '$':
                return new PlaceSyntax(TermKind.TextEnd);
            case '.':
                return new CharacterSyntax(UnicodeSets.LineEnds.Not());
            case '[':
                return new CharacterSyntax(ReadClass());
            case '(':
                return ReadGroup();
            case '*' or '+' or '?':
                _at--;
                throw Fault("repeats nothing");
            case '\\':
                if (TryTake('b'))
                    return new PlaceSyntax(TermKind.Border);
                if (TryTake('B'))
                    return new PlaceSyntax(TermKind.NoBorder);
                return new CharacterSyntax(ReadEscape(isInClass: false));
            default:
                return new CharacterSyntax(CharSet.Of(scalar));
        }
    }

    private RegexSyntax ReadGroup()
    {
        bool? isNegative = null;
        if (TryTake("?="))
            isNegative = false;
        else if (TryTake("?!"))
            isNegative = true;
        else if (TryTake("?<=") || TryTake("?<!"))
            throw Fault("looks behind", "Say the same with a look ahead, or without");
        else if (TryTake("?<"))
        {
            while (!IsAtEnd && Peek() != '>')
                _at++;
            if (!TryTake('>'))
                throw Fault("has a group whose name does not end");
        }
        else if (Peek() == '?' && !TryTake("?:"))
            throw Fault("has a group of an unknown kind", "Known are (…), (?:…), (?<name>…), (?=…) and (?!…)");
        RegexSyntax body = ReadChoice();
        if (!TryTake(')'))
            throw Fault("has a group that does not end");
        return isNegative is bool negative ? new AheadSyntax(body, negative) : body;
    }

    private CharSet ReadClass()
    {
        bool isNegated = TryTake('^');
        CharSet set = CharSet.None;
        while (!TryTake(']'))
        {
            (CharSet first, bool isOne) = ReadClassAtom();
            if (Peek() == '-' && Peek(1) is not (']' or -1) && isOne)
            {
                int dash = _at++;
                (CharSet last, bool isLastOne) = ReadClassAtom();
                if (isLastOne)
                {
                    if (last.Borders[0] < first.Borders[0])
                        throw Fault("has a range that ends before it begins");
                    set = set.Or(CharSet.Range(first.Borders[0], last.Borders[0]));
                    continue;
                }
                // A dash beside a class such as \w stands for itself.
                _at = dash;
            }
            set = set.Or(first);
        }
        return isNegated ? set.Not() : set;
    }

    private (CharSet Set, bool IsOne) ReadClassAtom()
    {
        if (IsAtEnd)
            throw Fault("has a class of characters that does not end");
        int scalar = _pattern[_at++];
        CharSet set = scalar == '\\' ? ReadEscape(isInClass: true) : CharSet.Of(scalar);
        return (set, set.Borders.Length == 2 && set.Borders[1] == set.Borders[0] + 1);
    }

    private CharSet ReadEscape(bool isInClass)
    {
        if (IsAtEnd)
            throw Fault("ends in a backslash");
        int scalar = _pattern[_at++];
        switch (scalar)
        {
            case 'd':
                return UnicodeSets.Digits;
            case 'D':
                return UnicodeSets.Digits.Not();
            case 'w':
                return UnicodeSets.WordCharacters;
            case 'W':
                return UnicodeSets.WordCharacters.Not();
            case 's':
                return UnicodeSets.Spaces;
            case 'S':
                return UnicodeSets.Spaces.Not();
            case 't':
                return CharSet.Of('\t');
            case 'n':
                return CharSet.Of('\n');
            case 'v':
                return CharSet.Of('\v');
            case 'f':
                return CharSet.Of('\f');
            case 'r':
                return CharSet.Of('\r');
            case 'b' when isInClass:
                return CharSet.Of('\b');
            case '0' when Peek() is not (>= '0' and <= '9'):
                return CharSet.Of(0);
            case 'c' when Peek() is >= 'a' and <= 'z' or >= 'A' and <= 'Z':
                return CharSet.Of(_pattern[_at++] & 31);
            case 'x':
                return CharSet.Of(ReadHex(2));
            case 'u':
                return CharSet.Of(ReadUnicode());
            case 'p' or 'P':
                CharSet named = ReadProperty();
                return scalar == 'P' ? named.Not() : named;
            case >= '1' and <= '9' or 'k':
                throw Fault("refers back to a group", "No automaton can do that: write the group out");
            case >= '0' and <= '9' or >= 'a' and <= 'z' or >= 'A' and <= 'Z':
                throw Fault($"has the unknown escape \\{(char)scalar}");
            default:
                return CharSet.Of(scalar);
        }
    }

    private int ReadUnicode()
    {
        if (TryTake('{'))
        {
            int start = _at;
            while (!IsAtEnd && Peek() != '}')
                _at++;
            int digits = Math.Min(_at - start, 9);
            if (!TryTake('}') || !int.TryParse(string.Concat(_pattern.AsSpan(start, digits).ToArray().Select(static scalar => (char)scalar)),
                NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int scalar) || !Rune.IsValid(scalar))
            {
                throw Fault("has an escape that is no character");
            }
            return scalar;
        }
        int unit = ReadHex(4);
        if (unit is >= 0xD800 and < 0xDC00 && TryTake("\\u"))
        {
            int low = ReadHex(4);
            if (low is >= 0xDC00 and < 0xE000)
                return 0x10000 + ((unit - 0xD800) << 10) + low - 0xDC00;
        }
        return unit is < 0xD800 or >= 0xE000 ? unit : throw Fault("has half of a surrogate pair");
    }

    private int ReadHex(int digits)
    {
        int value = 0;
        for (int i = 0; i < digits; i++)
        {
            int digit = Peek() is >= 0 and < 128 and int scalar && char.IsAsciiHexDigit((char)scalar) ? Convert.ToInt32(((char)scalar).ToString(), 16) : -1;
            if (digit < 0)
                throw Fault($"has an escape without its {digits} hexadecimal digits");
            value = value * 16 + digit;
            _at++;
        }
        return value;
    }

    private CharSet ReadProperty()
    {
        int start = _at + 1;
        if (!TryTake('{'))
            throw Fault("has a \\p without its {name}");
        while (!IsAtEnd && Peek() != '}')
            _at++;
        string name = string.Concat(_pattern.AsSpan(start, _at - start).ToArray().Select(static scalar => new Rune(scalar).ToString()));
        if (!TryTake('}'))
            throw Fault("has a \\p{ that does not end");
        return UnicodeSets.Find(name)
            ?? throw Fault($"names {UntrustedText.Quote(name)}, which is not known", "General categories are, such as \\p{L} or \\p{Decimal_Number}");
    }
}
