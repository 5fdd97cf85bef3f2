using System.Runtime.CompilerServices;
using MeKi.Model.Templates.Builtins;
using MeKi.Model.Templates.Syntax;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Tree;

/// <summary>A part of a template that has a value.</summary>
/// <param name="line">Where it stands.</param>
internal abstract class Expression(int line)
{
    public int Line => line;

    /// <summary>Tells a scope which names are read.</summary>
    public abstract void Declare(Scope scope);

    public abstract Value Evaluate(Frame frame);

    protected static void Declare(Scope scope, IEnumerable<Expression?> parts)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach (Expression? part in parts)
            part?.Declare(scope);
    }

    /// <summary>Evaluates a part of this expression: how deep a tree may be, the stack says.</summary>
    protected static Value Evaluate(Expression part, Frame frame)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return part.Evaluate(frame);
    }
}

internal sealed class ConstantExpression(int line, Value value) : Expression(line)
{
    public Value Value => value;

    public override void Declare(Scope scope)
    {
    }

    public override Value Evaluate(Frame frame) => value;
}

internal sealed class NameExpression(int line, string name) : Expression(line)
{
    public string Name => name;

    /// <summary>Where the variable is; the scope sets it.</summary>
    public Place Place { get; set; }

    public override void Declare(Scope scope) => scope.Load(this);

    public override Value Evaluate(Frame frame)
    {
        frame.Run.Step();
        return frame.Find(Place) ?? UndefinedValue.Variable(name);
    }
}

internal sealed class ListExpression(int line, List<Expression> elements, bool isTuple) : Expression(line)
{
    public List<Expression> Elements => elements;

    public bool IsTuple => isTuple;

    public override void Declare(Scope scope) => Declare(scope, elements);

    public override Value Evaluate(Frame frame)
    {
        frame.Run.MakeElements(1);
        frame.Run.MakeElements(elements.Count, areNew: false);
        Value[] values = new Value[elements.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = Evaluate(elements[i], frame);
        return isTuple ? new TupleValue(values) : new ListValue([.. values]);
    }
}

internal sealed class DictExpression(int line, List<KeyValuePair<Expression, Expression>> entries) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, entries.SelectMany(static entry => (Expression[])[entry.Key, entry.Value]));

    public override Value Evaluate(Frame frame)
    {
        frame.Run.Step(Line);
        DictValue made = new(frame.Run);
        foreach ((Expression key, Expression value) in entries)
            made.Set(Evaluate(key, frame), Evaluate(value, frame));
        return made;
    }
}

/// <summary><c>owner.name</c></summary>
internal sealed class AttributeExpression(int line, Expression owner, string name) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, [owner]);

    public override Value Evaluate(Frame frame)
    {
        Value value = Evaluate(owner, frame);
        frame.Run.Step(Line);
        return Access.Attribute(value, name, frame.Run);
    }

    /// <summary>What is called: methods that change their value are found, too.</summary>
    public Value EvaluateCallee(Frame frame)
    {
        Value value = Evaluate(owner, frame);
        frame.Run.Step(Line);
        return DictMethods.FindChanging(value, name) ?? Access.Attribute(value, name, frame.Run);
    }
}

/// <summary><c>owner[key]</c></summary>
internal sealed class ItemExpression(int line, Expression owner, Expression key) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, [owner, key]);

    public override Value Evaluate(Frame frame)
    {
        Value value = Evaluate(owner, frame), index = Evaluate(key, frame);
        frame.Run.Step(Line);
        return Access.Item(value, index, frame.Run);
    }
}

/// <summary><c>owner[start:stop:step]</c></summary>
internal sealed class SliceExpression(int line, Expression owner, Expression? start, Expression? stop, Expression? step) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, [owner, start, stop, step]);

    public override Value Evaluate(Frame frame)
    {
        Value value = Evaluate(owner, frame);
        Value? first = start is null ? null : Evaluate(start, frame), last = stop is null ? null : Evaluate(stop, frame);
        Value? stride = step is null ? null : Evaluate(step, frame);
        frame.Run.Step(Line);
        return value switch
        {
            TextValue text => text.Slice(Slice.Of(first, last, stride, text.Length(frame.Run)), frame.Run),
            SequenceValue sequence => sequence.Slice(Slice.Of(first, last, stride, sequence.Length), frame.Run),
            UndefinedValue undefined => throw undefined.Fault,
            DictValue => throw new TemplateFault("unhashable type: 'slice'"),
            _ => throw new TemplateFault($"'{value.TypeName}' object is not subscriptable"),
        };
    }
}

/// <summary><c>yes if test else no</c></summary>
internal sealed class ConditionalExpression(int line, Expression test, Expression yes, Expression? no) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, [test, yes, no]);

    public override Value Evaluate(Frame frame) => Evaluate(test, frame).IsTrue ? Evaluate(yes, frame)
        : no is not null ? Evaluate(no, frame)
        : new UndefinedValue($"the inline if-expression on line {Line} evaluated to false and no else section was defined.");
}
