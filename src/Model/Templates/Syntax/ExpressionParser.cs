using System.Runtime.CompilerServices;
using System.Text;
using MeKi.Model.Templates.Builtins;
using MeKi.Model.Templates.Tree;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Syntax;

/// <summary>Reads expressions, with the precedence of Jinja.</summary>
internal sealed class ExpressionParser(TokenReader reader)
{
    private static readonly string[] Comparisons = ["==", "!=", "<", "<=", ">", ">="];

    // Deeper than any template that a person wrote. A chain is a tree that is as deep as it is long.
    private const int MostDepth = 400, MostLength = 2000;

    private int _depth;
    private SyntaxFault? _unknown;

    /// <summary>How many conditions are around: what nobody may get to need not be known.</summary>
    public int Conditions { get; set; }

    private Token Current => reader.Current;

    /// <summary>An expression, with or without a condition at its end.</summary>
    public Expression Parse(bool withCondition = true) => withCondition ? Inside(Conditional) : Inside(Or);

    /// <summary>Reads what stands inside something else.</summary>
    /// <exception cref="SyntaxFault">Too much is around it.</exception>
    public T Inside<T>(Func<T> parse)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (_depth == MostDepth)
            throw reader.Fault($"the template is nested too deeply: more than {MostDepth} levels");
        _depth++;
        T inside = parse();
        _depth--;
        return inside;
    }

    /// <summary>One expression, or several with commas between: a tuple.</summary>
    /// <param name="withCondition">Whether each may have a condition at its end.</param>
    /// <param name="end">A name that ends the tuple; null for none.</param>
    /// <param name="isTarget">Whether only names and tuples of names may stand there.</param>
    /// <param name="mayBeEmpty">Whether nothing is a tuple, too: between parentheses.</param>
    public Expression ParseTuple(bool withCondition = true, string? end = null, bool isTarget = false, bool mayBeEmpty = false)
    {
        int line = Current.Line;
        List<Expression> elements = [];
        bool isTuple = false;
        while (!IsTupleEnd(end))
        {
            elements.Add(isTarget ? Primary() : Parse(withCondition));
            if (!Current.Is(","))
                break;
            isTuple = true;
            reader.Next();
        }
        if (isTuple)
            return new ListExpression(line, elements, isTuple: true);
        if (elements.Count > 0)
            return elements[0];
        return mayBeEmpty ? new ListExpression(line, [], isTuple: true)
            : throw reader.Fault($"Expected an expression, got {UntrustedText.Quote(Current.Description)}");
    }

    /// <summary>A name, a literal or something in brackets.</summary>
    public Expression ParseOperand() => Primary();

    /// <summary>Filters behind an expression.</summary>
    public Expression ParseFilters(Expression subject, bool startsWithName = false)
    {
        for (int length = 0; startsWithName || Current.Is("|"); Lengthen(ref length))
        {
            if (!startsWithName)
                reader.Next();
            startsWithName = false;
            subject = Apply(subject, "filter", Filters.All);
        }
        return subject;
    }

    /// <summary>Arguments in parentheses.</summary>
    public ArgumentList ParseArguments()
    {
        int line = Current.Line;
        reader.Expect("(");
        List<Expression> positional = [];
        List<KeyValuePair<string, Expression>> named = [];
        HashSet<string> names = [];
        Expression? rest = null, namedRest = null;
        while (!Current.Is(")"))
        {
            if (reader.Skip("*"))
            {
                Ensure(rest is null && namedRest is null);
                rest = Parse();
            }
            else if (reader.Skip("**"))
            {
                Ensure(namedRest is null);
                namedRest = Parse();
            }
            else if (Current.Kind == TokenKind.Name && reader.Ahead.Is("="))
            {
                Ensure(namedRest is null);
                string name = reader.Next().Text;
                Ensure(names.Add(name));
                reader.Next();
                named.Add(new(name, Parse()));
            }
            else
            {
                Ensure(rest is null && namedRest is null && named.Count == 0);
                positional.Add(Parse());
            }
            if (!Current.Is(")"))
                reader.Expect(",");
        }
        reader.Expect(")");
        return new(positional, named, rest, namedRest);

        void Ensure(bool isValid)
        {
            if (!isValid)
                throw new SyntaxFault("invalid syntax for function call expression", line);
        }
    }

    /// <summary>Refuses filters and tests that there are not, unless they stand under a condition: then it is a fault to get there.</summary>
    public void CheckKnown()
    {
        if (_unknown is not null && Conditions == 0)
            throw _unknown;
        _unknown = null;
    }

    private void Lengthen(ref int length)
    {
        if (++length > MostLength)
            throw reader.Fault($"the template is nested too deeply: an expression is a chain of more than {MostLength}");
    }

    private bool IsTupleEnd(string? end) =>
        Current.Kind is TokenKind.PrintEnd or TokenKind.TagEnd || Current.Is(")") || (end is not null && Current.IsName(end));

    private Expression Conditional()
    {
        int line = Current.Line;
        SyntaxFault? before = _unknown;
        Expression value = Or();
        for (int length = 0; reader.SkipName("if"); Lengthen(ref length))
        {
            Expression test = Or();
            Expression? no = reader.SkipName("else") ? Inside(Conditional) : null;
            value = new ConditionalExpression(line, test, value, no);
            line = Current.Line;
            _unknown = before;
        }
        return value;
    }

    private Expression Or()
    {
        Expression left = And();
        for (int length = 0; Current.IsName("or"); Lengthen(ref length))
            left = new LogicalExpression(reader.Next().Line, left, isAnd: false, And());
        return left;
    }

    private Expression And()
    {
        Expression left = Not();
        for (int length = 0; Current.IsName("and"); Lengthen(ref length))
            left = new LogicalExpression(reader.Next().Line, left, isAnd: true, Not());
        return left;
    }

    private Expression Not() =>
        Current.IsName("not") ? new UnaryExpression(reader.Next().Line, "not", Inside(Not)) : Compare();

    private Expression Compare()
    {
        int line = Current.Line;
        Expression first = Sum();
        List<(string, Expression)> others = [];
        while (true)
        {
            if (Current.Kind == TokenKind.Operator && Comparisons.Contains(Current.Text))
                others.Add((reader.Next().Text, Sum()));
            else if (reader.SkipName("in"))
                others.Add(("in", Sum()));
            else if (Current.IsName("not") && reader.Ahead.IsName("in"))
            {
                reader.Next();
                reader.Next();
                others.Add(("not in", Sum()));
            }
            else
                return others.Count == 0 ? first : new CompareExpression(line, first, others);
        }
    }

    private Expression Sum()
    {
        Expression left = Concat();
        for (int length = 0; Current.Is("+") || Current.Is("-"); Lengthen(ref length))
            left = new BinaryExpression(Current.Line, left, reader.Next().Text, Concat());
        return left;
    }

    private Expression Concat()
    {
        int line = Current.Line;
        List<Expression> parts = [Product()];
        while (reader.Skip("~"))
            parts.Add(Product());
        return parts.Count == 1 ? parts[0] : new ConcatExpression(line, parts);
    }

    private Expression Product()
    {
        Expression left = Power();
        for (int length = 0; Current.Is("*") || Current.Is("/") || Current.Is("//") || Current.Is("%"); Lengthen(ref length))
            left = new BinaryExpression(Current.Line, left, reader.Next().Text, Power());
        return left;
    }

    private Expression Power()
    {
        Expression left = Unary();
        for (int length = 0; Current.Is("**"); Lengthen(ref length))
            left = new BinaryExpression(Current.Line, left, reader.Next().Text, Unary());
        return left;
    }

    private Expression Unary(bool withFilters = true)
    {
        int line = Current.Line;
        Expression value = Current.Is("-") || Current.Is("+")
            ? new UnaryExpression(line, reader.Next().Text, Inside(() => Unary(withFilters: false))) : Primary();
        value = Postfix(value);
        return withFilters ? FiltersAndTests(value) : value;
    }

    private Expression Primary()
    {
        Token token = Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                reader.Next();
                return token.Text switch
                {
                    "true" or "True" => new ConstantExpression(token.Line, BoolValue.True),
                    "false" or "False" => new ConstantExpression(token.Line, BoolValue.False),
                    "none" or "None" => new ConstantExpression(token.Line, NoneValue.Instance),
                    _ => new NameExpression(token.Line, token.Text),
                };
            case TokenKind.Literal:
                reader.Next();
                return new ConstantExpression(token.Line, token.Value is TextValue ? Texts(token) : token.Value!);
            case TokenKind.Operator when token.Text == "(":
                reader.Next();
                Expression inside = Inside(() => ParseTuple(mayBeEmpty: true));
                reader.Expect(")");
                return inside;
            case TokenKind.Operator when token.Text == "[":
                return List();
            case TokenKind.Operator when token.Text == "{":
                return Dict();
            default:
                throw new SyntaxFault($"unexpected {UntrustedText.Quote(token.Description)}", token.Line);
        }
    }

    // Texts side by side are one.
    private TextValue Texts(Token first)
    {
        if (Current.Value is not TextValue)
            return (TextValue)first.Value!;
        StringBuilder all = new(((TextValue)first.Value!).Content);
        while (Current.Value is TextValue more)
        {
            all.Append(more.Content);
            reader.Next();
        }
        return TextValue.Of(all.ToString());
    }

    private ListExpression List()
    {
        int line = reader.Next().Line;
        List<Expression> elements = [];
        while (!Current.Is("]"))
        {
            elements.Add(Parse());
            if (!Current.Is("]"))
                reader.Expect(",");
        }
        reader.Expect("]");
        return new(line, elements, isTuple: false);
    }

    private DictExpression Dict()
    {
        int line = reader.Next().Line;
        List<KeyValuePair<Expression, Expression>> entries = [];
        while (!Current.Is("}"))
        {
            Expression key = Parse();
            reader.Expect(":");
            entries.Add(new(key, Parse()));
            if (!Current.Is("}"))
                reader.Expect(",");
        }
        reader.Expect("}");
        return new(line, entries);
    }

    private Expression Postfix(Expression value)
    {
        for (int length = 0; ; Lengthen(ref length))
        {
            if (Current.Is("."))
                value = Attribute(value);
            else if (Current.Is("["))
                value = Subscript(value);
            else if (Current.Is("("))
                value = new CallExpression(Current.Line, value, ParseArguments());
            else
                return value;
        }
    }

    private Expression Attribute(Expression owner)
    {
        int line = reader.Next().Line;
        Token name = reader.Next();
        return name.Kind == TokenKind.Name ? new AttributeExpression(line, owner, name.Text)
            : name.Value is IntValue index ? new ItemExpression(line, owner, new ConstantExpression(line, index))
            : throw new SyntaxFault("expected name or number", name.Line);
    }

    private Expression Subscript(Expression owner)
    {
        int line = reader.Next().Line;
        Expression? start = Current.Is(":") ? null : Parse();
        if (reader.Skip(":"))
        {
            Expression? stop = Bound(), step = reader.Skip(":") ? Bound() : null;
            reader.Expect("]");
            return new SliceExpression(line, owner, start, stop, step);
        }
        List<Expression> keys = [start!];
        while (reader.Skip(","))
            keys.Add(Parse());
        reader.Expect("]");
        return new ItemExpression(line, owner, keys.Count == 1 ? keys[0] : new ListExpression(line, keys, isTuple: true));

        Expression? Bound() => Current.Is(":") || Current.Is("]") ? null : Parse();
    }

    private Expression FiltersAndTests(Expression value)
    {
        for (int length = 0; ; Lengthen(ref length))
        {
            if (Current.Is("|"))
                value = ParseFilters(value);
            else if (Current.IsName("is"))
                value = Test(value);
            else if (Current.Is("("))
                value = new CallExpression(Current.Line, value, ParseArguments());
            else
                return value;
        }
    }

    private Expression Test(Expression subject)
    {
        int line = reader.Next().Line;
        bool isNegated = reader.SkipName("not");
        Expression test = Apply(subject, "test", Tests.All);
        return isNegated ? new UnaryExpression(line, "not", test) : test;
    }

    private ApplyExpression Apply(Expression subject, string kind, FunctionTable known)
    {
        int line = Current.Line;
        string name = reader.ExpectName().Text;
        while (reader.Skip("."))
            name += "." + reader.ExpectName().Text;
        ArgumentList arguments = Current.Is("(") ? ParseArguments()
            : kind == "test" && StartsOperand() ? new([Postfix(Primary())], [], null, null)
            : ArgumentList.None;
        if (!known.TryGetValue(name, out Function? function))
            _unknown ??= new($"No {kind} named {UntrustedText.Quote(name)}", line);
        return new(line, subject, kind, name, function, arguments);
    }

    // A test's argument may stand without parentheses.
    private bool StartsOperand()
    {
        if (Current.IsName("is"))
            throw reader.Fault("You cannot chain multiple tests with is");
        return Current.Kind == TokenKind.Literal || Current.Is("[") || Current.Is("{")
            || (Current.Kind == TokenKind.Name && !Current.IsName("else") && !Current.IsName("or") && !Current.IsName("and"));
    }
}
