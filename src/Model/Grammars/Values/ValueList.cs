namespace MeKi.Model.Grammars.Values;

/// <summary>Different values, in the order in which they are written.</summary>
internal sealed class ValueList(IEnumerable<JsonValue> values)
{
    private readonly HashSet<JsonValue> _set = [.. values];
    private readonly JsonValue[] _values = [.. values.Distinct()];

    public static ValueList None { get; } = new([]);

    public int Count => _values.Length;

    public IReadOnlyList<JsonValue> All => _values;

    public bool Contains(JsonValue value) => _set.Contains(value);
}
