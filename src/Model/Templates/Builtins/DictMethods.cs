using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>
/// The methods of Python's dict and list. Those that change their value are found by calls alone: transformers' sandbox has none of them, but templates of
/// other engines call them.
/// </summary>
internal static class DictMethods
{
    private static readonly FunctionTable Reading = new()
    {
        { "keys", "", g => new DictViewValue(Dict(g), "keys", static entry => entry.Key) },
        { "values", "", g => new DictViewValue(Dict(g), "values", static entry => entry.Value) },
        { "items", "", g => Items(Dict(g)) },
        { "get", "key! default", g => Dict(g).Find(g[0]!) ?? g[1] ?? NoneValue.Instance },
        { "copy", "", g => DictValue.Of(g.Run, Dict(g).Entries) },
        { "fromkeys", "* **", static g => throw new TemplateFault("the method 'fromkeys' of 'dict' is not supported") },
    };

    private static readonly FunctionTable Changing = new()
    {
        { "clear", "", g => Nothing(Dict(g).Clear) },
        { "pop", "key! default", g => Dict(g).Remove(g[0]!) ?? g[1] ?? throw Missing(g) },
        { "popitem", "", PopItem },
        { "setdefault", "key! default", SetDefault },
        { "update", "* **", g => Nothing(() => Globals.Fill(Dict(g), g)) },
    };

    private static readonly FunctionTable ListChanging = new()
    {
        { "append", "object!", g => Nothing(() => Insert(g, List(g).Count, g[0]!)) },
        { "clear", "", g => Nothing(List(g).Clear) },
        { "extend", "iterable!", g => Nothing(() => List(g).AddRange(g[0]!.ToList(g.Run))) },
        { "insert", "index! object!", g => Nothing(() => Insert(g, Slice.Of(g[0], null, null, List(g).Count).Start, g[1]!)) },
        { "pop", "index", PopElement },
        { "remove", "value!", g => Nothing(() => Remove(g)) },
        { "reverse", "", g => Nothing(() => Visited(g).Reverse()) },
        { "sort", "**", Sort },
    };

    public static Value? Find(DictValue dict, string name) => Bind(Reading, dict, name);

    /// <summary>A method that changes its value; null where the type has none of the name.</summary>
    public static Value? FindChanging(Value owner, string name) => owner switch
    {
        DictValue => Bind(Changing, owner, name),
        ListValue => Bind(ListChanging, owner, name),
        _ => null,
    };

    public static DictViewValue Items(DictValue dict) => new(dict, "items", static entry => new TupleValue(entry.Key, entry.Value));

    private static FunctionValue? Bind(FunctionTable table, Value owner, string name) =>
        table.TryGetValue(name, out Function? method) ? new(name, (run, arguments) => method.Call(run, owner, arguments)) : null;

    private static DictValue Dict(Given g) => (DictValue)g.Self;

    private static List<Value> List(Given g) => ((ListValue)g.Self).Values;

    private static List<Value> Visited(Given g)
    {
        g.Run.Visit(List(g).Count);
        return List(g);
    }

    private static NoneValue Nothing(Action action)
    {
        action();
        return NoneValue.Instance;
    }

    private static TemplateFault Missing(Given g)
    {
        ReprWriter key = new(g.Run);
        key.Write(g[0]!);
        return new(key.ToString());
    }

    private static TupleValue PopItem(Given g)
    {
        if (!Dict(g).IsTrue)
            throw new TemplateFault("popitem(): dictionary is empty");
        (Value key, Value value) = Dict(g).Entries.Last();
        Dict(g).Remove(key);
        return new(key, value);
    }

    private static Value SetDefault(Given g)
    {
        if (Dict(g).Find(g[0]!) is { } there)
            return there;
        Value value = g[1] ?? NoneValue.Instance;
        Dict(g).Set(g[0]!, value);
        return value;
    }

    private static void Insert(Given g, int at, Value value)
    {
        g.Run.MakeElements(1);
        g.Run.Read(List(g).Count - at);
        List(g).Insert(at, value);
    }

    private static Value PopElement(Given g)
    {
        List<Value> list = List(g);
        if (list.Count == 0)
            throw new TemplateFault("pop from empty list");
        int at = g[0] is null ? list.Count - 1 : SequenceValue.Index(g[0]!, list.Count) ?? throw new TemplateFault("pop index out of range");
        Value element = list[at];
        g.Run.Read(list.Count - at);
        list.RemoveAt(at);
        return element;
    }

    private static void Remove(Given g)
    {
        Run run = g.Run;
        Value wanted = g[0]!;
        int at = Visited(g).FindIndex(element => element.EqualTo(wanted, run));
        if (at < 0)
            throw new TemplateFault("list.remove(x): x not in list");
        List(g).RemoveAt(at);
    }

    private static NoneValue Sort(Given g)
    {
        bool isReversed = g.Named.Any(static pair => pair.Key == "reverse" && pair.Value.IsTrue);
        Value[] sorted = Sorting.Sort(List(g), static element => element, isReversed, g.Run);
        return Nothing(() =>
        {
            List(g).Clear();
            List(g).AddRange(sorted);
        });
    }
}
