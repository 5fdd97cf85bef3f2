namespace MeKi.Model.Templates.Syntax;

/// <summary>Reads words one after the other, and remembers which names it came past.</summary>
internal sealed class TokenReader(List<Token> tokens)
{
    private int _at;

    public Token Current => tokens[_at];

    public Token Ahead => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    /// <summary>Where it stands; see <see cref="Named"/>.</summary>
    public int Position => _at;

    public Token Next()
    {
        Token token = tokens[_at];
        if (_at < tokens.Count - 1)
            _at++;
        return token;
    }

    public bool Skip(string sign) => SkipIf(Current.Is(sign));

    public bool SkipName(string name) => SkipIf(Current.IsName(name));

    public Token Expect(TokenKind kind, string description) => Current.Kind == kind ? Next() : throw Unexpected(description);

    public void Expect(string sign)
    {
        if (!Skip(sign))
            throw Unexpected(sign);
    }

    public void ExpectName(string name)
    {
        if (!SkipName(name))
            throw Unexpected(name);
    }

    public Token ExpectName() => Expect(TokenKind.Name, "name");

    /// <summary>Whether a name stands between a position and this one, other than behind a point.</summary>
    public bool Named(string name, int since)
    {
        for (int i = since; i < _at; i++)
        {
            if (tokens[i].IsName(name) && !(i > 0 && tokens[i - 1].Is(".")))
                return true;
        }
        return false;
    }

    public SyntaxFault Fault(string problem) => new(problem, Current.Line);

    private SyntaxFault Unexpected(string description) => Fault(Current.Kind == TokenKind.End
        ? $"unexpected end of template, expected '{description}'"
        : $"expected token '{description}', got {UntrustedText.Quote(Current.Description)}");

    private bool SkipIf(bool matches)
    {
        if (matches)
            Next();
        return matches;
    }
}
