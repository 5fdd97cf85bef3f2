using System.Globalization;
using System.Text;
using MeKi.Model.Grammars.Networks;
using MeKi.Model.Grammars.Regexes;

namespace MeKi.Model.Grammars.Gbnf;

/// <summary>Reads grammars as llama.cpp writes them.</summary>
internal sealed class GbnfParser
{
    private const int MostCharacters = 4 << 20, DeepestGroup = 500, MostRepetitions = 100_000;

    private readonly string _text;
    private readonly List<(string Name, RegexSyntax? Body)> _rules = [];
    private readonly Dictionary<string, int> _numbers = [];
    private readonly Dictionary<string, int> _firstUses = [];
    private int _at, _depth;

    private GbnfParser(string text) => _text = text;

    /// <summary>Reads a grammar.</summary>
    /// <param name="text">Its rules.</param>
    /// <param name="root">The name of the rule that a whole text must match.</param>
    /// <exception cref="GrammarException">It is malformed, or a rule is missing.</exception>
    public static (IReadOnlyList<(string Name, RegexSyntax Body)> Rules, int Root) Parse(string text, string root)
    {
        GbnfParser parser = new(text);
        if (text.Length > MostCharacters)
            throw parser.Fault($"has {text.Length} characters where {MostCharacters} are allowed");
        parser.SkipSpace(overLines: true);
        while (parser._at < text.Length)
            parser.ReadRule();
        foreach ((string name, RegexSyntax? body) in parser._rules)
        {
            if (body is null)
            {
                parser._at = parser._firstUses[name];
                throw parser.Fault($"uses the rule {UntrustedText.Quote(name)}, which is not there");
            }
        }
        if (!parser._numbers.TryGetValue(root, out int number))
            throw new GrammarException("grammar", "", $"has no rule {UntrustedText.Quote(root)}", "A text is matched by that rule");
        return ([.. parser._rules.Select(static rule => (rule.Name, rule.Body!))], number);
    }

    private static bool IsWord(char character) => char.IsAsciiLetterOrDigit(character) || character is '-' or '_';

    private GrammarException Fault(string problem, string remedy = "")
    {
        int end = Math.Min(_at, _text.Length), line = _text.AsSpan(0, end).Count('\n') + 1;
        return new("grammar", $"line {line}, column {end - _text.LastIndexOf('\n', Math.Max(0, end - 1))}", problem, remedy);
    }

    private char Peek() => _at < _text.Length ? _text[_at] : '\0';

    private bool TryTake(char character)
    {
        if (_at >= _text.Length || _text[_at] != character)
            return false;
        _at++;
        return true;
    }

    private void SkipSpace(bool overLines)
    {
        while (_at < _text.Length)
        {
            if (_text[_at] == '#')
            {
                while (_at < _text.Length && _text[_at] is not ('\n' or '\r'))
                    _at++;
            }
            else if (_text[_at] is ' ' or '\t' or '\uFEFF' || (overLines && _text[_at] is '\n' or '\r'))
                _at++;
            else
                return;
        }
    }

    private int Number(string name)
    {
        if (!_numbers.TryGetValue(name, out int number))
        {
            _numbers[name] = number = _rules.Count;
            _rules.Add((name, null));
        }
        return number;
    }

    private string ReadName()
    {
        int start = _at;
        while (_at < _text.Length && IsWord(_text[_at]))
            _at++;
        return _at > start ? _text[start.._at] : throw Fault("has no name of a rule here");
    }

    private void ReadRule()
    {
        int number = Number(ReadName());
        if (_rules[number].Body is not null)
            throw Fault($"defines the rule {UntrustedText.Quote(_rules[number].Name)} twice");
        SkipSpace(overLines: false);
        if (!TryTake(':') || !TryTake(':') || !TryTake('='))
            throw Fault("has no ::= behind the name of a rule");
        SkipSpace(overLines: true);
        RegexSyntax body = ReadChoice(isNested: false);
        _rules[number] = (_rules[number].Name, body);
        if (_at < _text.Length && Peek() is not ('\n' or '\r'))
            throw Fault(Peek() == ')' ? "closes a group that is not open" : "does not end the rule here");
        SkipSpace(overLines: true);
    }

    private RegexSyntax ReadChoice(bool isNested)
    {
        if (++_depth > DeepestGroup)
            throw Fault($"nests groups more than {DeepestGroup} deep");
        List<RegexSyntax> parts = [ReadSequence(isNested)];
        while (TryTake('|'))
        {
            SkipSpace(overLines: true);
            parts.Add(ReadSequence(isNested));
        }
        _depth--;
        return parts.Count == 1 ? parts[0] : new ChoiceSyntax(parts);
    }

    private SequenceSyntax ReadSequence(bool isNested)
    {
        List<RegexSyntax> parts = [];
        while (_at < _text.Length)
        {
            if (ReadAtom() is not RegexSyntax part)
                break;
            SkipSpace(isNested);
            while (TryReadQuantifier(out int least, out int? most))
            {
                part = new RepeatSyntax(part, least, most, _at);
                SkipSpace(isNested);
            }
            parts.Add(part);
        }
        return new(parts);
    }

    private RegexSyntax? ReadAtom()
    {
        switch (Peek())
        {
            case '"':
                return ReadLiteral();
            case '[':
                return new CharacterSyntax(ReadClass());
            case '(':
                _at++;
                SkipSpace(overLines: true);
                RegexSyntax group = ReadChoice(isNested: true);
                SkipSpace(overLines: true);
                return TryTake(')') ? group : throw Fault("has a group that does not end");
            case '.':
                _at++;
                return new CharacterSyntax(CharSet.Any);
            case '<' or '!':
                throw Fault("names a token", "Tokens by name or number are not supported: write the token's text in quotes");
            case '*' or '+' or '?' or '{':
                throw Fault("repeats nothing");
            case char character when IsWord(character):
                int start = _at;
                string name = ReadName();
                _firstUses.TryAdd(name, start);
                return new RuleSyntax(Number(name));
            default:
                return null;
        }
    }

    private SequenceSyntax ReadLiteral()
    {
        List<RegexSyntax> parts = [];
        _at++;
        while (!TryTake('"'))
            parts.Add(new CharacterSyntax(CharSet.Of(ReadCharacter("a text in quotes"))));
        return new(parts);
    }

    private CharSet ReadClass()
    {
        _at++;
        bool isNegated = TryTake('^');
        CharSet set = CharSet.None;
        while (!TryTake(']'))
        {
            int first = ReadCharacter("a class of characters"), last = first;
            if (Peek() == '-' && _at + 1 < _text.Length && _text[_at + 1] != ']')
            {
                _at++;
                last = ReadCharacter("a class of characters");
            }
            if (last < first)
                throw Fault("has a range that ends before it begins");
            set = set.Or(CharSet.Range(first, last));
        }
        return isNegated ? set.Not() : set;
    }

    private int ReadCharacter(string within)
    {
        if (_at >= _text.Length)
            throw Fault($"has {within} that does not end");
        if (!TryTake('\\'))
        {
            if (Rune.DecodeFromUtf16(_text.AsSpan(_at), out Rune rune, out int length) != System.Buffers.OperationStatus.Done)
                throw Fault("has half of a surrogate pair");
            _at += length;
            return rune.Value;
        }
        char escape = Peek();
        _at++;
        return escape switch
        {
            'x' => ReadHex(2),
            'u' => ReadHex(4),
            'U' => ReadHex(8),
            't' => '\t',
            'r' => '\r',
            'n' => '\n',
            '\\' or '"' or '[' or ']' or '-' or '^' or '/' => escape,
            _ => throw Fault("has an unknown escape", "Known are \\x \\u \\U \\t \\r \\n \\\\ \\\" \\[ \\]"),
        };
    }

    private int ReadHex(int digits)
    {
        if (_at + digits > _text.Length
            || !int.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int scalar)
            || !Rune.IsValid(scalar))
        {
            throw Fault($"has an escape without {digits} hexadecimal digits of a character");
        }
        _at += digits;
        return scalar;
    }

    private bool TryReadQuantifier(out int least, out int? most)
    {
        (least, most) = (0, null);
        switch (Peek())
        {
            case '*':
                break;
            case '+':
                least = 1;
                break;
            case '?':
                most = 1;
                break;
            case '{':
                _at++;
                SkipSpace(overLines: true);
                least = ReadNumber() ?? 0;
                most = least;
                SkipSpace(overLines: true);
                if (TryTake(','))
                {
                    SkipSpace(overLines: true);
                    most = ReadNumber();
                    SkipSpace(overLines: true);
                }
                if (Peek() != '}' || most < least)
                    throw Fault("has a repetition that is none", "Write {m}, {m,} or {m,n}");
                break;
            default:
                return false;
        }
        _at++;
        return true;
    }

    private int? ReadNumber()
    {
        long? value = null;
        while (char.IsAsciiDigit(Peek()))
        {
            value = (value ?? 0) * 10 + _text[_at++] - '0';
            if (value > MostRepetitions)
                throw Fault($"repeats more than {MostRepetitions} times");
        }
        return (int?)value;
    }
}
