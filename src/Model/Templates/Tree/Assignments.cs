using System.Runtime.CompilerServices;
using MeKi.Model.Templates.Syntax;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Tree;

/// <summary>What a value is given to.</summary>
internal abstract class Target
{
    /// <summary>Tells a scope which names are set.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="isParameter">Whether the scope begins with them set.</param>
    public abstract void Declare(Scope scope, bool isParameter = false);

    public abstract void Assign(Frame frame, Value value);

    /// <summary>Refuses what cannot be set, before the value is computed.</summary>
    public virtual void Check(Frame frame)
    {
    }
}

internal sealed class NameTarget(string name) : Target
{
    private int _slot;

    public string Name => name;

    public override void Declare(Scope scope, bool isParameter = false) => _slot = isParameter ? scope.Parameter(name) : scope.Store(name);

    public override void Assign(Frame frame, Value value)
    {
        frame[_slot] = value;
        if (frame.IsRoot)
            frame.Run.Export(name, value);
    }
}

/// <summary><c>namespace.name</c></summary>
internal sealed class NamespaceTarget(int line, string name, string attribute) : Target
{
    private readonly NameExpression _owner = new(line, name);

    public override void Declare(Scope scope, bool isParameter = false) => _owner.Declare(scope);

    public override void Check(Frame frame) => Owner(frame);

    public override void Assign(Frame frame, Value value) => Owner(frame).Set(attribute, value);

    private NamespaceValue Owner(Frame frame)
    {
        frame.Run.Step(_owner.Line);
        return frame.Find(_owner.Place) as NamespaceValue ?? throw new TemplateFault("cannot assign attribute on non-namespace object");
    }
}

/// <summary>Several targets for as many elements.</summary>
internal sealed class TupleTarget(List<Target> targets) : Target
{
    public override void Declare(Scope scope, bool isParameter = false)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach (Target target in targets)
            target.Declare(scope, isParameter);
    }

    public override void Check(Frame frame)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach (Target target in targets)
            target.Check(frame);
    }

    public override void Assign(Frame frame, Value value)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        IEnumerator<Value> elements = value.Elements(frame.Run) ?? throw new TemplateFault($"cannot unpack non-iterable {value.TypeName} object");
        List<Value> values = [];
        while (elements.MoveNext())
        {
            frame.Run.Step();
            if (values.Count == targets.Count)
                throw new TemplateFault($"too many values to unpack (expected {targets.Count})");
            values.Add(elements.Current);
        }
        if (values.Count < targets.Count)
            throw new TemplateFault($"not enough values to unpack (expected {targets.Count}, got {values.Count})");
        for (int i = 0; i < targets.Count; i++)
            targets[i].Assign(frame, values[i]);
    }
}

/// <summary><c>{% set target = value %}</c></summary>
internal sealed class SetStatement(int line, Target target, Expression value) : Statement(line)
{
    public override void Declare(Scope scope)
    {
        value.Declare(scope);
        target.Declare(scope);
    }

    public override Flow Execute(Frame frame, Output output)
    {
        frame.Run.Line = Line;
        target.Check(frame);
        target.Assign(frame, value.Evaluate(frame));
        return Flow.Next;
    }
}

/// <summary><c>{% set target | filter %}…{% endset %}</c></summary>
internal sealed class SetBlockStatement(int line, Target target, CapturedBody body) : Statement(line)
{
    public override void Declare(Scope scope)
    {
        target.Declare(scope);
        body.Declare(scope);
    }

    public override Flow Execute(Frame frame, Output output)
    {
        (Value value, Flow flow) = body.Evaluate(frame);
        if (flow == Flow.Next)
            target.Assign(frame, value);
        return flow;
    }
}

/// <summary><c>{% filter name %}…{% endfilter %}</c></summary>
internal sealed class FilterStatement(int line, CapturedBody body) : Statement(line)
{
    public override void Declare(Scope scope) => body.Declare(scope);

    public override Flow Execute(Frame frame, Output output)
    {
        (Value value, Flow flow) = body.Evaluate(frame);
        if (flow == Flow.Next)
            output.Write(value.Text(frame.Run));
        return flow;
    }
}

/// <summary>A body whose text goes through filters.</summary>
/// <param name="body">The body.</param>
/// <param name="filters">The filters, applied to the name <see cref="Text"/>; null for none.</param>
internal sealed class CapturedBody(Body body, Expression? filters)
{
    /// <summary>The name of the text: no template can write it.</summary>
    public const string Text = "{body}";

    private int _slot;
    private Scope? _scope;

    public void Declare(Scope scope) => _scope = scope.Inside(inner =>
    {
        _slot = inner.Parameter(Text);
        body.Declare(inner);
        filters?.Declare(inner);
    });

    public (Value Value, Flow Flow) Evaluate(Frame frame)
    {
        Frame inner = new(frame.Run, _scope!, frame);
        (string text, Flow flow) = body.Capture(inner);
        inner[_slot] = TextValue.Of(text);
        return (flow == Flow.Next && filters is not null ? filters.Evaluate(inner) : inner[_slot]!, flow);
    }
}

/// <summary><c>{% with target = value, … %}…{% endwith %}</c></summary>
internal sealed class WithStatement(int line, List<(Target Target, Expression Value)> variables, Body body) : Statement(line)
{
    private Scope? _scope;

    public override void Declare(Scope scope)
    {
        foreach ((_, Expression value) in variables)
            value.Declare(scope);
        _scope = scope.Inside(inner =>
        {
            foreach ((Target target, _) in variables)
                target.Declare(inner, isParameter: true);
            body.Declare(inner);
        });
    }

    public override Flow Execute(Frame frame, Output output)
    {
        Frame inner = new(frame.Run, _scope!, frame);
        foreach ((Target target, Expression value) in variables)
            target.Assign(inner, value.Evaluate(frame));
        return body.Execute(inner, output);
    }
}

/// <summary><c>{% block name %}…{% endblock %}</c>: a scope that sees only what the outermost one has set.</summary>
internal sealed class BlockStatement(int line, Body body, bool isScoped) : Statement(line)
{
    private Scope? _scope;

    public override void Declare(Scope scope) => _scope = scope.Inside(body.Declare, seesOuter: isScoped);

    public override Flow Execute(Frame frame, Output output)
    {
        frame.Run.Enter();
        body.Execute(new(frame.Run, _scope!, isScoped ? frame : null), output);
        frame.Run.Leave();
        return Flow.Next;
    }
}
