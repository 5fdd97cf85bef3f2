using MeKi.Model.Templates.Values;

namespace MeKi.Model.Templates.Builtins;

/// <summary>What may stand behind <c>is</c>.</summary>
internal static class Tests
{
    public static FunctionTable All { get; } = new()
    {
        { "odd", "", g => Test(HalfLeaves(g, 1)) },
        { "even", "", g => Test(HalfLeaves(g, 0)) },
        { "divisibleby", "num!", g => Test(Operators.Modulo(g.Self, g[0]!, g.Run) is NumberValue { IsTrue: false }) },
        { "defined", "", g => Test(g.Self is not UndefinedValue) },
        { "undefined", "", g => Test(g.Self is UndefinedValue) },
        { "filter", "", g => Test(g.Self is TextValue name && Filters.All.ContainsKey(name.Content)) },
        { "test", "", g => Test(g.Self is TextValue name && All!.ContainsKey(name.Content)) },
        { "none", "", g => Test(g.Self is NoneValue) },
        { "boolean", "", g => Test(g.Self is BoolValue) },
        { "false", "", g => Test(g.Self is BoolValue { IsTrue: false }) },
        { "true", "", g => Test(g.Self is BoolValue { IsTrue: true }) },
        { "integer", "", g => Test(g.Self is IntValue) },
        { "float", "", g => Test(g.Self is FloatValue) },
        { "lower", "", g => Test(Casing.IsAll(Printed(g), isUpper: false)) },
        { "upper", "", g => Test(Casing.IsAll(Printed(g), isUpper: true)) },
        { "string", "", g => Test(g.Self is TextValue) },
        { "mapping", "", g => Test(g.Self is DictValue) },
        { "number", "", g => Test(g.Self is NumberValue) },
        { "sequence", "", g => Test(g.Self is TextValue or SequenceValue or DictValue or UndefinedValue) },
        { "sameas", "other!", g => Test(IsSame(g.Self, g[0]!)) },
        { "iterable", "", g => Test(g.Self is TextValue or SequenceValue or DictValue or UndefinedValue or DictViewValue or IteratorValue or Tree.LoopValue) },
        { "callable", "", g => Test(g.Self.IsCallable) },
        { "escaped", "", g => Test(g.Self is TextValue { IsMarkup: true }) },
        { "in", "seq!", g => Test(Operators.IsIn(g.Self, g[0]!, g.Run)) },
        { "==", "other!", g => Test(g.Self.EqualTo(g[0]!, g.Run)) },
        { "eq", "==" },
        { "equalto", "==" },
        { "!=", "other!", g => Test(!g.Self.EqualTo(g[0]!, g.Run)) },
        { "ne", "!=" },
        { ">", "other!", g => Test(Operators.Order(g.Self, g[0]!, ">", g.Run) > 0) },
        { "gt", ">" },
        { "greaterthan", ">" },
        { ">=", "other!", g => Test(Operators.Order(g.Self, g[0]!, ">=", g.Run) >= 0) },
        { "ge", ">=" },
        { "<", "other!", g => Test(Operators.Order(g.Self, g[0]!, "<", g.Run) < 0) },
        { "lt", "<" },
        { "lessthan", "<" },
        { "<=", "other!", g => Test(Operators.Order(g.Self, g[0]!, "<=", g.Run) <= 0) },
        { "le", "<=" },
    };

    private static BoolValue Test(bool holds) => BoolValue.Of(holds);

    private static string Printed(Given g)
    {
        string text = g.Self.Text(g.Run);
        g.Run.Visit(text.Length);
        return text;
    }

    private static bool HalfLeaves(Given g, int rest) => Operators.Modulo(g.Self, IntValue.Of(2), g.Run).EqualTo(IntValue.Of(rest), g.Run);

    // Small numbers, texts of one value and the like are one object in Python, too.
    private static bool IsSame(Value x, Value y) => ReferenceEquals(x, y)
        || (x is IntValue a && y is IntValue b && a.Number == b.Number) || (x is TextValue s && y is TextValue t && s.Content == t.Content);
}
