using System.Globalization;
using System.Numerics;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>A filter, a test, a method or a global function: parameters by name and what it gives.</summary>
internal sealed class Function
{
    private readonly string _name;
    private readonly string[] _names;
    private readonly int _required;
    private readonly bool _takesRest, _takesNamed;
    private readonly Func<Given, Value> _body;

    /// <param name="name">Its name, for messages.</param>
    /// <param name="parameters">Names in order; <c>!</c> behind those that must be given, <c>*</c> for any more, <c>**</c> for any more with names.</param>
    /// <param name="body">What it does.</param>
    public Function(string name, string parameters, Func<Given, Value> body)
    {
        string[] words = parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        (_name, _body, _takesRest, _takesNamed) = (name, body, words.Contains("*"), words.Contains("**"));
        _names = [.. words.Where(word => word[0] != '*').Select(word => word.TrimEnd('!'))];
        _required = words.Count(word => word.EndsWith('!'));
    }

    public Value Call(Run run, Value self, Arguments arguments)
    {
        Value?[] values = new Value?[_names.Length];
        int placed = Math.Min(values.Length, arguments.Positional.Length);
        Array.Copy(arguments.Positional, values, placed);
        if (placed < arguments.Positional.Length && !_takesRest)
            throw new TemplateFault($"{_name}() takes at most {values.Length} arguments ({arguments.Positional.Length} given)");
        List<KeyValuePair<string, Value>> named = [];
        foreach ((string name, Value value) in arguments.Named ?? [])
        {
            int at = Array.IndexOf(_names, name);
            if (at >= 0 && values[at] is not null)
                throw new TemplateFault($"{_name}() got multiple values for argument {UntrustedText.Quote(name)}");
            if (at >= 0)
                values[at] = value;
            else if (_takesNamed)
                named.Add(new(name, value));
            else
                throw new TemplateFault($"{_name}() got an unexpected keyword argument {UntrustedText.Quote(name)}");
        }
        int missing = Array.IndexOf(values, null, 0, _required);
        if (missing >= 0)
            throw new TemplateFault($"{_name}() missing 1 required positional argument: '{_names[missing]}'");
        return _body(new(run, self, values, arguments.Positional.AsSpan(placed).ToArray(), named, _name));
    }
}

/// <summary>Functions by name.</summary>
internal sealed class FunctionTable : Dictionary<string, Function>
{
    public void Add(string name, string parameters, Func<Given, Value> body) => Add(name, new Function(name, parameters, body));

    /// <summary>Another name of a function.</summary>
    public void Add(string name, string same) => Add(name, this[same]);
}

/// <summary>What a function was called with.</summary>
/// <param name="Run">The rendering.</param>
/// <param name="Self">The value that is filtered or tested, or whose method it is.</param>
/// <param name="Values">A value for each parameter; null where none was given.</param>
/// <param name="Rest">Values behind the last parameter.</param>
/// <param name="Named">Values with names that no parameter has.</param>
/// <param name="Name">The function, for messages.</param>
internal readonly record struct Given(Run Run, Value Self, Value?[] Values, Value[] Rest, List<KeyValuePair<string, Value>> Named, string Name)
{
    public Value? this[int i] => Values[i];

    /// <summary>Self as text.</summary>
    public TextValue Subject => (TextValue)Self;

    /// <summary>A parameter, null also for none.</summary>
    public Value? Some(int i) => Values[i] is NoneValue ? null : Values[i];

    public bool Flag(int i) => Values[i]?.IsTrue ?? false;

    public int Int(int i, int otherwise) => Values[i] is null ? otherwise : Int(Values[i]!);

    public string Text(int i, string otherwise) => Values[i] is null ? otherwise : Text(Values[i]!);

    public string Text(int i) => Text(Values[i]!);

    /// <summary>Text, or null for none or nothing.</summary>
    public string? TextOrNone(int i) => Some(i) is { } value ? Text(value) : null;

    public static BigInteger Whole(Value value) => value switch
    {
        WholeValue whole => whole.Number,
        UndefinedValue undefined => throw undefined.Fault,
        _ => throw new TemplateFault($"'{value.TypeName}' object cannot be interpreted as an integer"),
    };

    // Numbers beyond those of an int are beyond every bound, too.
    private static int Int(Value value) => (int)BigInteger.Clamp(Whole(value), int.MinValue / 2, int.MaxValue / 2);

    private string Text(Value value) => value switch
    {
        TextValue text => text.Content,
        UndefinedValue undefined => throw undefined.Fault,
        _ => throw new TemplateFault(string.Create(CultureInfo.InvariantCulture, $"{Name}() argument must be str, not {value.TypeName}")),
    };
}
