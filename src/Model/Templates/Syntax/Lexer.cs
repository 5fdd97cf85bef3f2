using System.Globalization;
using System.Text;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Syntax;

/// <summary>
/// Divides a template into words, with the whitespace control that transformers sets: the line break behind a tag is part of it, and so are spaces before a
/// tag that stands first in its line.
/// </summary>
internal sealed class Lexer
{
    private static readonly string[] Doubles = ["//", "**", "==", "!=", ">=", "<="];

    // Each at the place of its character.
    private static readonly string?[] Singles = [.. Enumerable.Range(0, 128).Select(static code => (char)code)
        .Select(static sign => "+-/*%~[](){}><=.:|,;".Contains(sign, StringComparison.Ordinal) ? sign.ToString() : null)];

    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private readonly Stack<char> _open = new();
    private int _at;
    private int _line = 1;

    private Lexer(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        _source = source.EndsWith('\n') ? source[..^1] : source;
    }

    /// <exception cref="SyntaxFault">A character stands where none may, or something is not closed.</exception>
    public static List<Token> Divide(string source)
    {
        Lexer lexer = new(source);
        while (lexer._at < lexer._source.Length)
            lexer.DataAndTag();
        lexer.Add(TokenKind.End, "");
        return lexer._tokens;
    }

    private void DataAndTag()
    {
        int begin = NextTag();
        if (begin < 0)
        {
            Data(_source[_at..]);
            _at = _source.Length;
            return;
        }
        char kind = _source[begin + 1];
        int inside = begin + 2;
        char sign = At(inside) is '-' or '+' ? _source[inside++] : '\0';
        Data(Before(begin, sign, kind != '{'));
        int raw = kind == '%' ? RawBegin(inside) : -1;
        MoveTo(begin);
        if (raw >= 0)
        {
            MoveTo(raw);
            Raw();
            return;
        }
        MoveTo(inside);
        if (kind == '#')
        {
            Comment();
            return;
        }
        Add(kind == '{' ? TokenKind.PrintBegin : TokenKind.TagBegin, "");
        Words(kind == '{' ? "}}" : "%}", isTag: kind == '%');
    }

    private int NextTag()
    {
        for (int at = _at; (at = _source.IndexOf('{', at)) >= 0; at++)
        {
            if (At(at + 1) is '{' or '%' or '#')
                return at;
        }
        return -1;
    }

    // The text before a tag, without the whitespace that the tag takes away.
    private string Before(int end, char sign, bool isTag)
    {
        string text = _source[_at..end];
        if (sign == '-')
            return PythonText.StripEnd(text, null);
        if (sign == '+' || !isTag)
            return text;
        int line = text.LastIndexOf('\n') + 1;
        bool isFirst = line > 0 || _at == 0 || _source[_at - 1] == '\n';
        return isFirst && PythonText.StripEnd(text[line..], null).Length == 0 ? text[..line] : text;
    }

    // Behind {% raw %}, or -1 for another tag.
    private int RawBegin(int at)
    {
        at = SkipSpace(at);
        if (string.CompareOrdinal(_source, at, "raw", 0, 3) != 0)
            return -1;
        at = SkipSpace(at + 3);
        return At(at) == '-' && IsAt(at + 1, "%}") ? SkipSpace(at + 3) : IsAt(at, "%}") ? at + 2 : -1;
    }

    private void Raw()
    {
        for (int at = _at; (at = _source.IndexOf("{%", at, StringComparison.Ordinal)) >= 0; at++)
        {
            char sign = At(at + 2) is '-' or '+' ? _source[at + 2] : '\0';
            int name = SkipSpace(at + (sign == '\0' ? 2 : 3));
            if (string.CompareOrdinal(_source, name, "endraw", 0, 6) != 0 || TagEnd(SkipSpace(name + 6), "%}", isTag: true) is not int end)
                continue;
            Data(Before(at, sign, isTag: true));
            MoveTo(end);
            return;
        }
        throw new SyntaxFault("Missing end of raw directive", _line);
    }

    private void Comment()
    {
        int end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
            throw new SyntaxFault("Missing end of comment tag", _line);
        bool strips = end > _at && _source[end - 1] == '-', keeps = end > _at && _source[end - 1] == '+';
        int behind = end + 2;
        MoveTo(strips ? SkipSpace(behind) : !keeps && At(behind) == '\n' ? behind + 1 : behind);
    }

    private void Words(string close, bool isTag)
    {
        while (true)
        {
            if (_open.Count == 0 && TagEnd(_at, close, isTag) is int end)
            {
                Add(isTag ? TokenKind.TagEnd : TokenKind.PrintEnd, "");
                MoveTo(end);
                return;
            }
            if (_at == _source.Length)
                return;
            char c = _source[_at];
            if (PythonText.IsSpace(c))
                MoveTo(SkipSpace(_at));
            else if (char.IsAsciiDigit(c))
                Number();
            else if (c == '_' || IsNamePart(_at))
                Name();
            else if (c is '\'' or '"')
                Text();
            else
                Operator();
        }
    }

    // Behind the end of a tag that ends here.
    private int? TagEnd(int at, string close, bool isTag)
    {
        if (At(at) == '-' && IsAt(at + 1, close))
            return SkipSpace(at + 3);
        if (isTag && At(at) == '+' && IsAt(at + 1, close))
            return at + 3;
        return !IsAt(at, close) ? null : isTag && At(at + 2) == '\n' ? at + 3 : at + 2;
    }

    private void Operator()
    {
        char c = _source[_at];
        string sign = (At(_at + 1) is '=' or '/' or '*' ? Array.Find(Doubles, sign => IsAt(_at, sign)) : null) ?? (c < Singles.Length ? Singles[c] : null)
            ?? throw new SyntaxFault($"unexpected char {UntrustedText.Quote(_source.Substring(_at, PythonText.Width(_source, _at)))}", _line);
        if (sign is "(" or "[" or "{")
            _open.Push(sign == "(" ? ')' : sign == "[" ? ']' : '}');
        else if (sign is ")" or "]" or "}")
        {
            if (!_open.TryPop(out char expected))
                throw new SyntaxFault($"unexpected '{sign}'", _line);
            if (expected != sign[0])
                throw new SyntaxFault($"unexpected '{sign}', expected '{expected}'", _line);
        }
        Add(TokenKind.Operator, sign);
        _at += sign.Length;
    }

    private void Name()
    {
        int end = _at;
        while (end < _source.Length && (_source[end] == '_' || IsNamePart(end)))
            end += PythonText.Width(_source, end);
        Add(TokenKind.Name, _source[_at..end]);
        _at = end;
    }

    private bool IsNamePart(int at) => Rune.TryGetRuneAt(_source, at, out Rune code) && (Rune.IsLetterOrDigit(code)
        || Rune.GetUnicodeCategory(code) is UnicodeCategory.LetterNumber or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark);

    private void Number()
    {
        int whole = Digits(_at), end = whole;
        bool isReal = false;
        // Behind a point a number is an index.
        if (_at == 0 || _source[_at - 1] != '.')
        {
            if (At(whole) == '.' && char.IsAsciiDigit(At(whole + 1)))
                (end, isReal) = (Digits(whole + 1), true);
            if (At(end) is 'e' or 'E')
            {
                int digits = end + (At(end + 1) is '+' or '-' ? 2 : 1);
                if (char.IsAsciiDigit(At(digits)))
                    (end, isReal) = (Digits(digits), true);
            }
        }
        if (isReal)
        {
            Literal(end, new FloatValue(Numbers.ParseFloat(_source[_at..end]) ?? throw new SyntaxFault("not a number", _line)));
            return;
        }
        int radix = _source[_at] != '0' ? 10 : char.ToLowerInvariant(At(_at + 1)) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 };
        if (radix != 10)
        {
            int digits = _at + 2;
            while (char.IsAsciiHexDigit(At(digits)) || At(digits) == '_')
                digits++;
            if (digits > _at + 2)
                whole = digits;
        }
        Literal(whole, IntValue.Of(Numbers.ParseInt(_source[_at..whole], 0) ?? throw new SyntaxFault("not a number", _line)));
    }

    private int Digits(int at)
    {
        while (char.IsAsciiDigit(At(at)) || (At(at) == '_' && char.IsAsciiDigit(At(at + 1))))
            at++;
        return at;
    }

    private void Text()
    {
        char quote = _source[_at];
        int end = _at + 1;
        while (At(end) != quote)
        {
            end += At(end) == '\\' ? 2 : 1;
            if (end >= _source.Length)
                throw new SyntaxFault($"unexpected char {UntrustedText.Quote(quote.ToString())}: the text is not closed", _line);
        }
        Literal(end + 1, TextValue.Of(TextLiteral.Read(_source.AsSpan(_at + 1, end - _at - 1), _line)));
    }

    private void Literal(int end, Value value)
    {
        _tokens.Add(new(TokenKind.Literal, UntrustedText.Line(_source[_at..end], 40), _line, value));
        MoveTo(end);
    }

    private void Data(string text)
    {
        if (text.Length > 0)
            Add(TokenKind.Data, text);
    }

    private void Add(TokenKind kind, string text) => _tokens.Add(new(kind, text, _line));

    private char At(int at) => at < _source.Length ? _source[at] : '\0';

    private bool IsAt(int at, string text) => string.CompareOrdinal(_source, at, text, 0, text.Length) == 0;

    private int SkipSpace(int at)
    {
        while (at < _source.Length && PythonText.IsSpace(_source[at]))
            at++;
        return at;
    }

    private void MoveTo(int at)
    {
        _line += _source.AsSpan(_at, at - _at).Count('\n');
        _at = at;
    }
}
