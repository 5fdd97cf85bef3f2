using System.Numerics;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>The functions that every template has.</summary>
internal static class Globals
{
    // The sandbox's bound.
    private const int MostRange = 100_000;

    public static IReadOnlyDictionary<string, Value> All { get; } = new Dictionary<string, Value>
    {
        ["range"] = Global("range", "start! stop step", MakeRange),
        ["dict"] = Global("dict", "* **", g => Fill(new(g.Run), g)),
        ["namespace"] = Global("namespace", "* **", g => new NamespaceValue(Fill(new(g.Run), g))),
        ["cycler"] = Global("cycler", "*", g => new CyclerValue(g.Rest)),
        ["joiner"] = Global("joiner", "sep", g => new JoinerValue(g[0] ?? TextValue.Of(", "))),
        ["raise_exception"] = Global("raise_exception", "message!", g => throw new TemplateFault(g[0]!.Text(g.Run), isRaised: true)),
        ["strftime_now"] = Global("strftime_now", "format!",
            g => TextValue.Of(TimeFormat.Format(g.Run.Clock.GetLocalNow().DateTime, g.Text(0), g.Run))),
    };

    /// <summary>Puts into a dictionary what Python's <c>dict(…)</c> and <c>update(…)</c> take: another or pairs, then names.</summary>
    public static DictValue Fill(DictValue dict, Given g)
    {
        if (g.Rest.Length > 1)
            throw new TemplateFault($"{g.Name} expected at most 1 argument, got {g.Rest.Length}");
        if (g.Rest is [DictValue other])
        {
            foreach ((Value key, Value value) in other.Entries.ToArray())
                dict.Set(key, value);
        }
        else if (g.Rest is [{ } pairs])
        {
            for (IEnumerator<Value> elements = pairs.RequiredElements(g.Run); elements.MoveNext();)
            {
                if (elements.Current.ToList(g.Run) is not [{ } key, { } value])
                    throw new TemplateFault("dictionary update sequence elements must have length 2");
                dict.Set(key, value);
            }
        }
        foreach ((string name, Value value) in g.Named)
            dict.Set(TextValue.Of(name), value);
        return dict;
    }

    private static FunctionValue Global(string name, string parameters, Func<Given, Value> body)
    {
        Function function = new(name, parameters, body);
        return new(name, (run, arguments) => function.Call(run, NoneValue.Instance, arguments));
    }

    private static RangeValue MakeRange(Given g)
    {
        BigInteger start = g[1] is null ? 0 : Given.Whole(g[0]!), stop = Given.Whole(g[1] ?? g[0]!), step = g[2] is null ? 1 : Given.Whole(g[2]!);
        if (step.IsZero)
            throw new TemplateFault("range() arg 3 must not be zero");
        BigInteger length = BigInteger.Max(0, step.Sign > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step);
        length = (step.Sign > 0 ? stop > start : stop < start) ? length : 0;
        return length <= MostRange ? new(start, stop, step, (int)length)
            : throw new TemplateFault($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MostRange})");
    }

    /// <summary>Values in turn.</summary>
    private sealed class CyclerValue(Value[] values) : Value
    {
        private readonly Value[] _values = values.Length > 0 ? values : throw new TemplateFault("at least one item has to be provided");
        private int _at;

        public override string TypeName => "Cycler";

        public override Value? Attribute(string name, Run run) => name switch
        {
            "current" => _values[_at],
            "next" => FunctionValue.Of(name, _ =>
            {
                Value current = _values[_at];
                _at = (_at + 1) % _values.Length;
                return current;
            }),
            "reset" => FunctionValue.Of(name, _ =>
            {
                _at = 0;
                return NoneValue.Instance;
            }),
            _ => null,
        };
    }

    /// <summary>Nothing at first, then a separator.</summary>
    private sealed class JoinerValue(Value separator) : Value
    {
        private bool _isUsed;

        public override string TypeName => "Joiner";

        public override bool IsCallable => true;

        public override Value Call(Run run, Arguments arguments)
        {
            bool wasUsed = _isUsed;
            _isUsed = true;
            return wasUsed ? separator : TextValue.Empty;
        }
    }
}
