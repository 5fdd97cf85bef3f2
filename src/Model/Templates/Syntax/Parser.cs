using System.Runtime.CompilerServices;
using MeKi.Model.Templates.Tree;

namespace MeKi.Model.Templates.Syntax;

/// <summary>Reads a template's statements.</summary>
internal sealed class Parser
{
    private static readonly string[] SpecialNames = ["caller", "kwargs", "varargs"];

    private readonly TokenReader _reader;
    private readonly ExpressionParser _expressions;
    private readonly Stack<string> _tags = new();
    private readonly HashSet<string> _blocks = [];

    // Loops around: those that may be left, and all.
    private int _loops, _allLoops;

    private Parser(List<Token> tokens)
    {
        _reader = new(tokens);
        _expressions = new(_reader);
    }

    private Token Current => _reader.Current;

    /// <summary>Reads a template and finds its variables.</summary>
    /// <exception cref="SyntaxFault">It is none.</exception>
    public static (Body Body, Scope Scope) Parse(string source)
    {
        Parser parser = new(Lexer.Divide(source));
        Body body = parser.Statements([]);
        Scope scope = new(null, isRoot: true);
        scope.Declare(body.Declare);
        return (body, scope);
    }

    // Statements up to one of some tags, whose name is current then; up to the template's end for none.
    private Body Statements(string[] ends)
    {
        List<Statement> statements = [];
        while (true)
        {
            Token token = Current;
            switch (token.Kind)
            {
                case TokenKind.Data:
                    _reader.Next();
                    statements.Add(new DataStatement(token.Line, token.Text));
                    break;
                case TokenKind.PrintBegin:
                    _reader.Next();
                    statements.Add(new PrintStatement(token.Line, _expressions.ParseTuple()));
                    _expressions.CheckKnown();
                    _reader.Expect(TokenKind.PrintEnd, "end of print statement");
                    break;
                case TokenKind.TagBegin:
                    _reader.Next();
                    if (Current.Kind == TokenKind.Name && ends.Contains(Current.Text))
                        return new(statements);
                    statements.AddRange(Tag(ends));
                    EndTag();
                    break;
                case TokenKind.End when ends.Length == 0:
                    return new(statements);
                default:
                    throw _reader.Fault($"Unexpected end of template. Jinja was looking for the following tags: {Names(ends)}. "
                        + $"The innermost block that needs to be closed is '{_tags.Peek()}'");
            }
        }
    }

    private Statement[] Tag(string[] ends)
    {
        Token tag = Current.Kind == TokenKind.Name ? _reader.Next() : throw _reader.Fault("tag name expected");
        int line = tag.Line;
        _tags.Push(tag.Text);
        Statement[] made = tag.Text switch
        {
            "if" => [If(line)],
            "for" => [For(line)],
            "set" => [Set(line)],
            "macro" => [Macro(line)],
            "call" => [Call(line)],
            "filter" => [Filter(line)],
            "with" => [With(line)],
            "block" => [Block(line)],
            "generation" => [new GenerationStatement(line, Function("", [], "endgeneration"))],
            "do" => [new DoStatement(line, _expressions.ParseTuple())],
            "print" => [.. Print()],
            "break" or "continue" when _loops == 0 => throw new SyntaxFault($"'{tag.Text}' outside loop", line),
            "break" => [new JumpStatement(line, Flow.Break)],
            "continue" => [new JumpStatement(line, Flow.Continue)],
            "autoescape" => [Autoescape(line)],
            "include" or "import" or "from" or "extends" => [Load(line, tag.Text)],
            _ => throw new SyntaxFault($"Encountered unknown tag {UntrustedText.Quote(tag.Text)}."
                + (ends.Length > 0 ? $" Jinja was looking for the following tags: {Names(ends)}" : ""), line),
        };
        _tags.Pop();
        return made;
    }

    private static string Names(string[] ends) => string.Join(" or ", ends.Select(static end => $"'{end}'"));

    // The rest of a tag that begins a body, the body, and the name of the tag that ends it.
    private Body BodyUntil(params string[] ends)
    {
        _reader.Skip(":");
        EndTag();
        return _expressions.Inside(() => Statements(ends));
    }

    private Body WholeBody(string end)
    {
        Body body = BodyUntil(end);
        _reader.Next();
        return body;
    }

    private void EndTag()
    {
        _expressions.CheckKnown();
        _reader.Expect(TokenKind.TagEnd, "end of statement block");
    }

    private IfStatement If(int line)
    {
        _expressions.Conditions++;
        Expression test = _expressions.ParseTuple(withCondition: false);
        Body body = BodyUntil("elif", "else", "endif");
        List<(Expression, Body)> others = [];
        Body? otherwise = null;
        while (_reader.SkipName("elif"))
        {
            Expression also = _expressions.ParseTuple(withCondition: false);
            others.Add((also, BodyUntil("elif", "else", "endif")));
        }
        if (_reader.SkipName("else"))
            otherwise = BodyUntil("endif");
        _reader.ExpectName("endif");
        _expressions.Conditions--;
        return new(line, test, body, others, otherwise);
    }

    private ForStatement For(int line)
    {
        _allLoops++;
        Expression names = _expressions.ParseTuple(end: "in", isTarget: true);
        (Target target, Target tested) = (TargetOf(names), TargetOf(names));
        _reader.ExpectName("in");
        Expression source = _expressions.ParseTuple(withCondition: false, end: "recursive");
        _expressions.CheckKnown();
        (int conditions, _expressions.Conditions) = (_expressions.Conditions, 0);
        Expression? test = _reader.SkipName("if") ? _expressions.Parse() : null;
        bool isRecursive = _reader.SkipName("recursive");
        int start = _reader.Position;
        _loops++;
        Body body = BodyUntil("endfor", "else");
        _loops--;
        bool usesLoop = _reader.Named("loop", start);
        Body? otherwise = _reader.Next().Text == "else" ? WholeBody("endfor") : null;
        _expressions.Conditions = conditions;
        _allLoops--;
        return new(line, target, tested, source, test, body, otherwise, isRecursive, usesLoop);
    }

    private Statement Set(int line)
    {
        List<Target> targets = [];
        bool isTuple = false;
        do
        {
            if (isTuple && (Current.Is("=") || Current.Kind == TokenKind.TagEnd))
                break;
            targets.Add(SetTarget());
            isTuple |= Current.Is(",");
        }
        while (_reader.Skip(","));
        Target target = isTuple ? new TupleTarget(targets) : targets[0];
        if (_reader.Skip("="))
            return new SetStatement(line, target, _expressions.ParseTuple());
        return new SetBlockStatement(line, target, Captured("endset", startsWithName: false));
    }

    private Target SetTarget()
    {
        Token name = Current;
        if (name.Kind == TokenKind.Name && _reader.Ahead.Is("."))
        {
            _reader.Next();
            _reader.Next();
            return new NamespaceTarget(name.Line, name.Text, _reader.ExpectName().Text);
        }
        return TargetOf(_expressions.ParseOperand());
    }

    private CapturedBody Captured(string end, bool startsWithName)
    {
        NameExpression text = new(Current.Line, CapturedBody.Text);
        Expression filters = _expressions.ParseFilters(text, startsWithName);
        return new(Isolated(() => WholeBody(end)), ReferenceEquals(filters, text) ? null : filters);
    }

    private MacroStatement Macro(int line)
    {
        string name = TargetName(_reader.ExpectName());
        return new(line, Function(name, Parameters(), "endmacro"));
    }

    private CallStatement Call(int line)
    {
        List<(string, Expression?)> parameters = Current.Is("(") ? Parameters() : [];
        if (_expressions.Parse() is not CallExpression call)
            throw new SyntaxFault("expected call", line);
        _expressions.CheckKnown();
        return new(line, call, Function("", parameters, "endcall"));
    }

    private MacroDefinition Function(string name, List<(string Name, Expression? Default)> parameters, string end)
    {
        int start = _reader.Position;
        (int loops, _loops) = (_loops, 0);
        Body body = Isolated(() => WholeBody(end));
        _loops = loops;
        HashSet<string> special = [.. SpecialNames.Where(each => _reader.Named(each, start))];
        if (special.Contains("caller") && parameters.Exists(static parameter => parameter is ("caller", null)))
            throw _reader.Fault("When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default");
        return new(name, parameters, body, special);
    }

    private List<(string Name, Expression? Default)> Parameters()
    {
        List<(string Name, Expression? Default)> parameters = [];
        _reader.Expect("(");
        while (!Current.Is(")"))
        {
            string name = TargetName(_reader.ExpectName());
            Expression? otherwise = _reader.Skip("=") ? _expressions.Parse() : null;
            if (otherwise is null && parameters.Exists(static parameter => parameter.Default is not null))
                throw _reader.Fault("non-default argument follows default argument");
            if (parameters.Exists(parameter => parameter.Name == name))
                throw _reader.Fault($"duplicate argument {UntrustedText.Quote(name)} in function definition");
            parameters.Add((name, otherwise));
            if (!Current.Is(")"))
                _reader.Expect(",");
        }
        _reader.Expect(")");
        return parameters;
    }

    private FilterStatement Filter(int line) => new(line, Captured("endfilter", startsWithName: true));

    private WithStatement With(int line)
    {
        List<(Target, Expression)> variables = [];
        while (Current.Kind != TokenKind.TagEnd)
        {
            if (variables.Count > 0)
                _reader.Expect(",");
            Target target = TargetOf(_expressions.ParseTuple(isTarget: true));
            _reader.Expect("=");
            variables.Add((target, _expressions.Parse()));
        }
        _expressions.CheckKnown();
        return new(line, variables, Isolated(() => WholeBody("endwith")));
    }

    private BlockStatement Block(int line)
    {
        string name = _reader.ExpectName().Text;
        if (!_blocks.Add(name))
            throw _reader.Fault($"block {UntrustedText.Quote(name)} defined twice");
        bool isScoped = _reader.SkipName("scoped");
        _reader.SkipName("required");
        (int loops, _loops) = (_loops, 0);
        Body body = Isolated(() => WholeBody("endblock"));
        _loops = loops;
        _reader.SkipName(name);
        return new(line, body, isScoped);
    }

    private List<Statement> Print()
    {
        List<Statement> printed = [];
        while (Current.Kind != TokenKind.TagEnd)
        {
            if (printed.Count > 0)
                _reader.Expect(",");
            printed.Add(new PrintStatement(Current.Line, _expressions.Parse()));
        }
        return printed;
    }

    private WithStatement Autoescape(int line)
    {
        if (_expressions.Parse() is not ConstantExpression { Value.IsTrue: false })
            throw new SyntaxFault("autoescape is not supported: a chat template makes no HTML", line);
        return new(line, [], Isolated(() => WholeBody("endautoescape")));
    }

    private LoadStatement Load(int line, string tag)
    {
        while (Current.Kind is not (TokenKind.TagEnd or TokenKind.End))
            _reader.Next();
        return new(line, tag);
    }

    // A part that is compiled apart from the conditions around it.
    private Body Isolated(Func<Body> parse)
    {
        (int conditions, _expressions.Conditions) = (_expressions.Conditions, 0);
        Body body = parse();
        _expressions.Conditions = conditions;
        return body;
    }

    private Target TargetOf(Expression expression)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return expression switch
        {
            NameExpression name => new NameTarget(Settable(name.Name, name.Line)),
            ListExpression { IsTuple: true } tuple => new TupleTarget([.. tuple.Elements.Select(TargetOf)]),
            _ => throw new SyntaxFault("can't assign to this expression", expression.Line),
        };
    }

    private static string TargetName(Token name) => name.Text is not ("true" or "True" or "false" or "False" or "none" or "None") ? name.Text
        : throw new SyntaxFault($"can't assign to '{name.Text}'", name.Line);

    private string Settable(string name, int line) =>
        name != "loop" || _allLoops == 0 ? name : throw new SyntaxFault("Can't assign to special loop variable in for-loop target", line);
}
