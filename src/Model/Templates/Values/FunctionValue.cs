namespace MeKi.Model.Templates.Values;

/// <summary>A function of the engine: a global one, or a method bound to its value.</summary>
internal sealed class FunctionValue(string name, Func<Run, Arguments, Value> body) : Value
{
    public override string TypeName => "builtin_function_or_method";

    public override bool IsCallable => true;

    /// <summary>A function without parameters.</summary>
    public static FunctionValue Of(string name, Func<Run, Value> body) => new(name, (run, arguments) =>
        arguments is { Positional.Length: 0, Named: null } ? body(run) : throw new TemplateFault($"{name}() takes no arguments"));

    /// <summary>A method that Python has and no template needs: it is there when it is asked for, and faults when it is called.</summary>
    public static FunctionValue Unsupported(string type, string name) =>
        new(name, (_, _) => throw new TemplateFault($"the method '{name}' of '{type}' is not supported"));

    public override Value Call(Run run, Arguments arguments) => body(run, arguments);

    public override void Repr(ReprWriter writer) => writer.Write($"<built-in function {name}>");
}
