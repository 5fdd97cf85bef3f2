using MeKi.Model.Templates.Syntax;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Tree;

/// <summary>A part of a template with parameters: of a macro, of a call's block, of a block that marks what a model generates.</summary>
/// <param name="name">Its name; empty for none.</param>
/// <param name="parameters">Its parameters and their defaults, null for none.</param>
/// <param name="body">What it prints.</param>
/// <param name="special">Which of <c>caller</c>, <c>kwargs</c> and <c>varargs</c> the body uses.</param>
internal sealed class MacroDefinition(string name, List<(string Name, Expression? Default)> parameters, Body body, HashSet<string> special)
{
    private readonly int[] _slots = new int[parameters.Count];
    private readonly Dictionary<string, int> _special = [];
    private Scope? _scope;

    public string Name => name;

    public int Parameters => parameters.Count;

    public IEnumerable<string> ParameterNames => parameters.Select(static parameter => parameter.Name);

    public void Declare(Scope scope) => _scope = scope.Inside(inner =>
    {
        for (int i = 0; i < _slots.Length; i++)
            _slots[i] = inner.Parameter(parameters[i].Name);
        foreach (string each in special)
        {
            if (!ParameterNames.Contains(each))
                _special[each] = inner.Parameter(each);
        }
        foreach ((_, Expression? otherwise) in parameters)
            otherwise?.Declare(inner);
        body.Declare(inner);
    });

    public bool Takes(string specialName) => _special.ContainsKey(specialName);

    /// <summary>Executes it.</summary>
    /// <param name="defining">The scope in which it was defined.</param>
    /// <param name="values">A value for each parameter; null for the default.</param>
    /// <param name="more">Values of the special names.</param>
    public TextValue Invoke(Frame defining, Value?[] values, Dictionary<string, Value> more)
    {
        Run run = defining.Run;
        run.Enter();
        Frame frame = new(run, _scope!, defining);
        for (int i = 0; i < _slots.Length; i++)
            frame[_slots[i]] = values[i];
        foreach ((string each, Value value) in more)
            frame[_special[each]] = value;
        for (int i = 0; i < _slots.Length; i++)
        {
            if (values[i] is null)
                frame[_slots[i]] = parameters[i].Default?.Evaluate(frame) ?? new UndefinedValue($"parameter '{parameters[i].Name}' was not provided");
        }
        string text = body.Capture(frame).Text;
        run.Leave();
        return TextValue.Of(text);
    }
}

/// <summary>A macro with the scope in which it was defined.</summary>
internal sealed class MacroValue(MacroDefinition macro, Frame defining) : Value
{
    public override string TypeName => "Macro";

    public override bool IsCallable => true;

    public override void Repr(ReprWriter writer) => writer.Write(macro.Name.Length > 0 ? $"<Macro '{macro.Name}'>" : "<Macro anonymous>");

    public override Value? Attribute(string name, Run run) => name switch
    {
        "name" => macro.Name.Length > 0 ? TextValue.Of(macro.Name) : NoneValue.Instance,
        "arguments" => new TupleValue([.. macro.ParameterNames.Select(TextValue.Of)]),
        "catch_kwargs" => BoolValue.Of(macro.Takes("kwargs")),
        "catch_varargs" => BoolValue.Of(macro.Takes("varargs")),
        "caller" => BoolValue.Of(macro.Takes("caller")),
        _ => null,
    };

    public override Value Call(Run run, Arguments arguments)
    {
        run.Visit(macro.Parameters * (1L + (arguments.Named?.Count ?? 0)));
        Value?[] values = new Value?[macro.Parameters];
        int placed = Math.Min(values.Length, arguments.Positional.Length);
        Array.Copy(arguments.Positional, values, placed);
        List<KeyValuePair<string, Value>> named = [.. arguments.Named ?? []];
        int i = 0;
        foreach (string name in macro.ParameterNames)
        {
            if (i >= placed && named.FindIndex(pair => pair.Key == name) is int at && at >= 0)
            {
                values[i] = named[at].Value;
                named.RemoveAt(at);
            }
            i++;
        }
        Dictionary<string, Value> more = [];
        if (macro.Takes("caller"))
        {
            int at = named.FindIndex(static pair => pair.Key == "caller");
            more["caller"] = at >= 0 && named[at].Value is not NoneValue ? named[at].Value : new UndefinedValue("No caller defined");
            if (at >= 0)
                named.RemoveAt(at);
        }
        if (macro.Takes("kwargs"))
            more["kwargs"] = DictValue.Of(run, named.Select(static pair => KeyValuePair.Create<Value, Value>(TextValue.Of(pair.Key), pair.Value)));
        else if (named.Count > 0)
            throw new TemplateFault($"macro '{macro.Name}' takes no keyword argument {UntrustedText.Quote(named[0].Key)}");
        if (macro.Takes("varargs"))
            more["varargs"] = new TupleValue(arguments.Positional[placed..]);
        else if (arguments.Positional.Length > placed)
            throw new TemplateFault($"macro '{macro.Name}' takes not more than {values.Length} argument(s)");
        return macro.Invoke(defining, values, more);
    }
}

/// <summary><c>{% macro name(parameters) %}…{% endmacro %}</c></summary>
internal sealed class MacroStatement(int line, MacroDefinition macro) : Statement(line)
{
    private readonly NameTarget _target = new(macro.Name);

    public override void Declare(Scope scope)
    {
        _target.Declare(scope);
        macro.Declare(scope);
    }

    public override Flow Execute(Frame frame, Output output)
    {
        _target.Assign(frame, new MacroValue(macro, frame));
        return Flow.Next;
    }
}

/// <summary><c>{% call(parameters) callee(arguments) %}…{% endcall %}</c></summary>
internal sealed class CallStatement(int line, CallExpression call, MacroDefinition caller) : Statement(line)
{
    public override void Declare(Scope scope)
    {
        call.Declare(scope);
        caller.Declare(scope);
    }

    public override Flow Execute(Frame frame, Output output)
    {
        output.Write(call.Call(frame, new MacroValue(caller, frame)).Text(frame.Run));
        return Flow.Next;
    }
}

/// <summary><c>{% generation %}…{% endgeneration %}</c>: transformers marks by it what a model is trained to say.</summary>
internal sealed class GenerationStatement(int line, MacroDefinition body) : Statement(line)
{
    public override void Declare(Scope scope) => body.Declare(scope);

    public override Flow Execute(Frame frame, Output output)
    {
        output.Write(body.Invoke(frame, [], []).Content);
        return Flow.Next;
    }
}
