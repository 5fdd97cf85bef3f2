using System.Runtime.CompilerServices;
using System.Text;
using MeKi.Model.Templates.Syntax;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Tree;

/// <summary>How the execution goes on.</summary>
internal enum Flow
{
    Next,
    Break,
    Continue,
}

/// <summary>Receives what is printed. All of it counts.</summary>
internal sealed class Output(Run run)
{
    private readonly StringBuilder _text = new();

    public void Write(string text)
    {
        if (_text.Length + (long)text.Length > Run.MostCharacters)
            throw new TemplateFault($"the template prints too much: more than {Run.MostCharacters >> 20} million characters");
        run.Make(text.Length);
        _text.Append(text);
    }

    public override string ToString() => _text.ToString();
}

/// <summary>A part of a template that does something.</summary>
/// <param name="line">Where it stands.</param>
internal abstract class Statement(int line)
{
    public int Line => line;

    /// <summary>Tells a scope which names are read and set.</summary>
    public abstract void Declare(Scope scope);

    public abstract Flow Execute(Frame frame, Output output);
}

/// <summary>Statements one after the other.</summary>
internal sealed class Body(List<Statement> statements)
{
    public void Declare(Scope scope)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach (Statement statement in statements)
            statement.Declare(scope);
    }

    public Flow Execute(Frame frame, Output output)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach (Statement statement in statements)
        {
            frame.Run.Step();
            Flow flow = statement.Execute(frame, output);
            if (flow != Flow.Next)
                return flow;
        }
        return Flow.Next;
    }

    /// <summary>What the statements print.</summary>
    public (string Text, Flow Flow) Capture(Frame frame)
    {
        Output output = new(frame.Run);
        Flow flow = Execute(frame, output);
        return (output.ToString(), flow);
    }
}

/// <summary>Text between tags.</summary>
internal sealed class DataStatement(int line, string text) : Statement(line)
{
    public override void Declare(Scope scope)
    {
    }

    public override Flow Execute(Frame frame, Output output)
    {
        output.Write(text);
        return Flow.Next;
    }
}

/// <summary><c>{{ value }}</c></summary>
internal sealed class PrintStatement(int line, Expression value) : Statement(line)
{
    public override void Declare(Scope scope) => value.Declare(scope);

    public override Flow Execute(Frame frame, Output output)
    {
        output.Write(value.Evaluate(frame).Text(frame.Run));
        return Flow.Next;
    }
}

/// <summary><c>{% do value %}</c></summary>
internal sealed class DoStatement(int line, Expression value) : Statement(line)
{
    public override void Declare(Scope scope) => value.Declare(scope);

    public override Flow Execute(Frame frame, Output output)
    {
        value.Evaluate(frame);
        return Flow.Next;
    }
}

/// <summary><c>{% break %}</c>, <c>{% continue %}</c></summary>
internal sealed class JumpStatement(int line, Flow flow) : Statement(line)
{
    public override void Declare(Scope scope)
    {
    }

    public override Flow Execute(Frame frame, Output output) => flow;
}

/// <summary>What needs other templates than this one.</summary>
internal sealed class LoadStatement(int line, string tag) : Statement(line)
{
    public override void Declare(Scope scope)
    {
    }

    public override Flow Execute(Frame frame, Output output)
    {
        frame.Run.Line = Line;
        throw new TemplateFault($"the tag '{tag}' needs another template, and a chat template has none");
    }
}

internal sealed class IfStatement(int line, Expression test, Body body, List<(Expression Test, Body Body)> others, Body? otherwise) : Statement(line)
{
    public override void Declare(Scope scope)
    {
        test.Declare(scope);
        scope.Branches(() =>
        {
            body.Declare(scope);
            foreach ((Expression also, Body then) in others)
            {
                also.Declare(scope);
                then.Declare(scope);
            }
            otherwise?.Declare(scope);
        });
    }

    public override Flow Execute(Frame frame, Output output)
    {
        if (test.Evaluate(frame).IsTrue)
            return body.Execute(frame, output);
        foreach ((Expression also, Body then) in others)
        {
            if (also.Evaluate(frame).IsTrue)
                return then.Execute(frame, output);
        }
        return otherwise?.Execute(frame, output) ?? Flow.Next;
    }
}
