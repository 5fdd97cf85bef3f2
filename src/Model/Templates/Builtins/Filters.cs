using System.Numerics;
using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>The filters: what may stand behind a bar.</summary>
internal static class Filters
{
    public static FunctionTable All { get; } = new()
    {
        { "abs", "", Absolute },
        { "attr", "name!", g => Attr(g) },
        { "batch", "linecount! fill_with", g => new IteratorValue(ListFilters.Batch(g)) },
        { "capitalize", "", g => Map(g, Casing.Capitalize) },
        { "center", "width", g => TextMethods.Centre(Soft(g), g.Int(0, 80), g.Run) },
        { "count", "", Length },
        { "d", "default_value boolean", Default },
        { "default", "d" },
        { "dictsort", "case_sensitive by reverse", ListFilters.DictSort },
        { "e", "", g => Operators.Escaped(g.Self, g.Run) },
        { "escape", "e" },
        { "filesizeformat", "binary", TextFilters.FileSize },
        { "first", "", ListFilters.First },
        { "float", "default", g => AsFloat(g.Self) is double number ? new FloatValue(number) : g[0] ?? new FloatValue(0) },
        { "forceescape", "", g => new TextValue(PythonText.Escape(Printed(g)), isMarkup: true) },
        { "format", "* **", Format },
        { "groupby", "attribute! default case_sensitive", ListFilters.GroupBy },
        { "indent", "width first blank", TextFilters.Indent },
        { "int", "default base", AsInt },
        { "items", "", g => new IteratorValue(Items(g)) },
        { "join", "d attribute", ListFilters.Join },
        { "last", "", ListFilters.Last },
        { "length", "count" },
        { "list", "", g => new ListValue(g.Self.ToList(g.Run)) },
        { "lower", "", g => Map(g, Casing.Lower) },
        { "map", "* **", g => new IteratorValue(ListFilters.Map(g)) },
        { "max", "case_sensitive attribute", g => ListFilters.Extreme(g, 1) },
        { "min", "case_sensitive attribute", g => ListFilters.Extreme(g, -1) },
        { "pprint", "", g => Repr(g) },
        { "random", "", g => ListFilters.Random(g) },
        { "reject", "* **", g => new IteratorValue(ListFilters.Select(g, isAttribute: false, keeps: false)) },
        { "rejectattr", "* **", g => new IteratorValue(ListFilters.Select(g, isAttribute: true, keeps: false)) },
        { "replace", "old! new! count", g => TextMethods.Replace(
            TextValue.Of(Printed(g)), g[0]!.Text(g.Run), g[1]!.Text(g.Run), g.Some(2) is null ? -1 : g.Int(2, -1), g.Run) },
        { "reverse", "", ListFilters.Reverse },
        { "round", "precision method", Round },
        { "safe", "", g => new TextValue(g.Self.Text(g.Run), isMarkup: true) },
        { "select", "* **", g => new IteratorValue(ListFilters.Select(g, isAttribute: false, keeps: true)) },
        { "selectattr", "* **", g => new IteratorValue(ListFilters.Select(g, isAttribute: true, keeps: true)) },
        { "slice", "slices! fill_with", g => new IteratorValue(ListFilters.Slices(g)) },
        { "sort", "reverse case_sensitive attribute", ListFilters.Sort },
        { "string", "", Soft },
        { "striptags", "", TextFilters.StripTags },
        { "sum", "attribute start", ListFilters.Sum },
        { "title", "", g => TextValue.Of(TextFilters.Title(Printed(g))) },
        { "tojson", "ensure_ascii indent separators sort_keys", JsonWriter.Apply },
        { "trim", "chars", g => Map(g, text => PythonText.Strip(text, g.TextOrNone(0))) },
        { "truncate", "length killwords end leeway", TextFilters.Truncate },
        { "unique", "case_sensitive attribute", g => new IteratorValue(ListFilters.Unique(g)) },
        { "upper", "", g => Map(g, Casing.Upper) },
        { "urlencode", "", TextFilters.UrlEncode },
        { "wordcount", "", g => IntValue.Of(TextFilters.WordCount(Printed(g))) },
    };

    public static Function Named(string name) =>
        All.TryGetValue(name, out Function? filter) ? filter : throw new TemplateFault($"No filter named {UntrustedText.Quote(name)} found");

    /// <summary>The value as text: markup stays markup.</summary>
    public static TextValue Soft(Given g) => g.Self as TextValue ?? TextValue.Of(Printed(g));

    /// <summary>The value as it would be printed.</summary>
    public static string Printed(Given g)
    {
        string text = g.Self.Text(g.Run);
        g.Run.Make(text.Length);
        g.Run.Visit(text.Length);
        return text;
    }

    public static double? AsFloat(Value value) => value switch
    {
        NumberValue number => number.AsFloat,
        TextValue text => Numbers.ParseFloat(text.Content),
        UndefinedValue undefined => throw undefined.Fault,
        _ => null,
    };

    private static TextValue Map(Given g, Func<string, string> map)
    {
        TextValue text = Soft(g);
        g.Run.Make(text.Content.Length);
        g.Run.Visit(text.Content.Length);
        return text.With(map(text.Content));
    }

    private static Value Absolute(Given g) => g.Self switch
    {
        FloatValue real => new FloatValue(Math.Abs(real.Number)),
        WholeValue whole => IntValue.Of(BigInteger.Abs(whole.Number)),
        _ => throw Wrong(g, "bad operand type for abs()"),
    };

    private static Value Attr(Given g)
    {
        string name = g.Text(0);
        return (name.StartsWith('_') ? null : g.Self.Attribute(name, g.Run)) ?? new UndefinedValue(null, g.Self, g[0]);
    }

    private static IntValue Length(Given g) =>
        IntValue.Of(g.Self.Count(g.Run) ?? throw new TemplateFault($"object of type '{g.Self.TypeName}' has no len()"));

    private static Value Default(Given g) => g.Self is UndefinedValue || (g.Flag(1) && !g.Self.IsTrue) ? g[0] ?? TextValue.Empty : g.Self;

    private static Value Format(Given g)
    {
        if (g.Rest.Length > 0 && g.Named.Count > 0)
            throw new TemplateFault("can't handle positional and keyword arguments at the same time");
        Value values = g.Named.Count > 0 ? Globals.Fill(new(g.Run), g) : new TupleValue(g.Rest);
        return PercentFormat.Apply(Soft(g), values, g.Run);
    }

    private static Value AsInt(Given g)
    {
        Value otherwise = g[0] ?? IntValue.Of(0);
        if (g.Self is WholeValue whole)
            return IntValue.Of(whole.Number);
        // Each digit meets all before it.
        if (g.Self is TextValue digits)
            g.Run.Visit((long)digits.Content.Length * Math.Min(digits.Content.Length, 5000) / 256);
        if (g.Self is TextValue text && Numbers.ParseInt(text.Content, g.Int(1, 10)) is BigInteger number)
            return IntValue.Of(number);
        if (g.Self is FloatValue { Number: var infinite } && double.IsInfinity(infinite))
            throw new TemplateFault("cannot convert float infinity to integer");
        return AsFloat(g.Self) is double real && double.IsFinite(real) ? IntValue.Of(new BigInteger(real)) : otherwise;
    }

    private static IEnumerable<Value> Items(Given g)
    {
        if (g.Self is UndefinedValue)
            yield break;
        if (g.Self is not DictValue dict)
            throw new TemplateFault("Can only get item pairs from a mapping.");
        foreach (Value pair in dict.Walk(static entry => new TupleValue(entry.Key, entry.Value)))
            yield return pair;
    }

    private static TextValue Repr(Given g)
    {
        ReprWriter writer = new(g.Run);
        writer.Write(g.Self);
        return TextValue.Of(writer.ToString());
    }

    private static Value Round(Given g)
    {
        int precision = g.Int(0, 0);
        string method = g.Text(1, "common");
        if (method is not ("common" or "ceil" or "floor"))
            throw new TemplateFault("method must be common, ceil or floor");
        if (g.Self is not NumberValue number)
            throw Wrong(g, method == "common" ? "type does not define __round__ method:" : "must be real number, not");
        // Floats have no digits beyond these.
        precision = Math.Clamp(precision, -400, 400);
        if (method != "common")
        {
            double power = Math.Pow(10, precision), scaled = number.AsFloat * power;
            return new FloatValue((method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled)) / power);
        }
        if (number is WholeValue whole)
        {
            BigInteger unit = BigInteger.Pow(10, Math.Max(0, -precision));
            return IntValue.Of(whole.Number.Sign * Numbers.Divide(BigInteger.Abs(whole.Number), unit) * unit);
        }
        if (!double.IsFinite(number.AsFloat))
            return number;
        string digits = precision >= 0 ? Numbers.Fixed(number.AsFloat, precision) : Numbers.Scale(number.AsFloat, precision) + new string('0', -precision);
        return new FloatValue(Math.CopySign(double.Parse(digits, System.Globalization.CultureInfo.InvariantCulture), number.AsFloat));
    }

    private static TemplateFault Wrong(Given g, string problem) => g.Self is UndefinedValue undefined ? undefined.Fault : new($"{problem} '{g.Self.TypeName}'");
}
