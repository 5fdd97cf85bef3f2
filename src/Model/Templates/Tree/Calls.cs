using System.Runtime.CompilerServices;
using MeKi.Model.Templates.Builtins;
using MeKi.Model.Templates.Syntax;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Tree;

/// <summary>The arguments of a call as they are written.</summary>
/// <param name="Positional">In order.</param>
/// <param name="Named">With names.</param>
/// <param name="Rest">A sequence of more: <c>*rest</c>.</param>
/// <param name="NamedRest">A dictionary of more: <c>**rest</c>.</param>
internal sealed record ArgumentList(List<Expression> Positional, List<KeyValuePair<string, Expression>> Named, Expression? Rest, Expression? NamedRest)
{
    public static ArgumentList None { get; } = new([], [], null, null);

    public IEnumerable<Expression?> Parts => [.. Positional, .. Named.Select(static pair => pair.Value), Rest, NamedRest];

    public Arguments Evaluate(Frame frame)
    {
        if (Positional.Count == 0 && Named.Count == 0 && Rest is null && NamedRest is null)
            return Arguments.None;
        List<Value> positional = new(Positional.Count);
        foreach (Expression argument in Positional)
            positional.Add(argument.Evaluate(frame));
        List<KeyValuePair<string, Value>>? named = Named.Count == 0 && NamedRest is null ? null : [];
        foreach ((string name, Expression argument) in Named)
            named!.Add(new(name, argument.Evaluate(frame)));
        if (Rest is not null)
            positional.AddRange(Rest.Evaluate(frame).ToList(frame.Run));
        if (NamedRest is not null)
        {
            if (NamedRest.Evaluate(frame) is not DictValue more)
                throw new TemplateFault("argument after ** must be a mapping");
            HashSet<string> taken = [.. Named.Select(static pair => pair.Key)];
            foreach ((Value key, Value value) in more.Entries)
            {
                frame.Run.MakeElements(1);
                string name = key is TextValue text ? text.Content : throw new TemplateFault("keywords must be strings");
                named!.Add(taken.Add(name) ? new(name, value)
                    : throw new TemplateFault($"got multiple values for keyword argument {UntrustedText.Quote(name)}"));
            }
        }
        return new([.. positional], named);
    }
}

/// <summary><c>callee(arguments)</c></summary>
internal sealed class CallExpression(int line, Expression callee, ArgumentList arguments) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, [callee, .. arguments.Parts]);

    public override Value Evaluate(Frame frame) => Call(frame, null);

    /// <summary>Calls with a block of the template as <c>caller</c>.</summary>
    public Value Call(Frame frame, Value? caller)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Value function = callee is AttributeExpression method ? method.EvaluateCallee(frame) : Evaluate(callee, frame);
        Arguments given = arguments.Evaluate(frame);
        if (caller is not null)
            given = given with { Named = [.. given.Named ?? [], new("caller", caller)] };
        frame.Run.Step(Line);
        return function.Call(frame.Run, given);
    }
}

/// <summary>A filter or a test with what it is applied to.</summary>
/// <param name="line">Where it stands.</param>
/// <param name="subject">What it is applied to.</param>
/// <param name="kind"><c>filter</c> or <c>test</c>.</param>
/// <param name="name">Its name.</param>
/// <param name="function">The function; null where there is none of the name: only whoever gets there is told.</param>
/// <param name="arguments">Its arguments.</param>
internal sealed class ApplyExpression(int line, Expression subject, string kind, string name, Function? function, ArgumentList arguments) : Expression(line)
{
    public override void Declare(Scope scope) => Declare(scope, [subject, .. arguments.Parts]);

    public override Value Evaluate(Frame frame)
    {
        Value value = Evaluate(subject, frame);
        Arguments given = arguments.Evaluate(frame);
        frame.Run.Step(Line);
        return (function ?? throw new TemplateFault($"No {kind} named {UntrustedText.Quote(name)} found")).Call(frame.Run, value, given);
    }
}
