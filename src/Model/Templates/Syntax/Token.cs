using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Syntax;

internal enum TokenKind
{
    /// <summary>Text between tags.</summary>
    Data,
    PrintBegin,
    PrintEnd,
    TagBegin,
    TagEnd,
    Name,

    /// <summary>A text, an int or a float: the token's value.</summary>
    Literal,
    Operator,
    End,
}

/// <summary>A word of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">As it stands there.</param>
/// <param name="Line">Where it begins.</param>
/// <param name="Value">The value of a literal.</param>
internal readonly record struct Token(TokenKind Kind, string Text, int Line, Value? Value = null)
{
    public bool Is(string sign) => Kind == TokenKind.Operator && Text == sign;

    public bool IsName(string name) => Kind == TokenKind.Name && Text == name;

    /// <summary>For messages.</summary>
    public string Description => Kind switch
    {
        TokenKind.Data => "template data / text",
        TokenKind.PrintBegin => "begin of print statement",
        TokenKind.PrintEnd => "end of print statement",
        TokenKind.TagBegin => "begin of statement block",
        TokenKind.TagEnd => "end of statement block",
        TokenKind.End => "end of template",
        _ => Text,
    };
}

/// <summary>A template that is none, and where.</summary>
internal sealed class SyntaxFault(string problem, int line) : Exception(problem)
{
    public int Line => line;
}
