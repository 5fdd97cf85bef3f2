using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>A schema that must hold, or must not.</summary>
internal readonly record struct Literal(SchemaNode Node, bool Holds)
{
    /// <summary>Its place among others.</summary>
    public int Key => (Node.Id << 1) | (Holds ? 1 : 0);

    public Literal Not => this with { Holds = !Holds };
}

/// <summary>Keys of an object that a schema speaks of: those that match some patterns, or all but some.</summary>
/// <param name="Names">Those left out, where <paramref name="IsRest"/>.</param>
/// <param name="Patterns">Of those that match, or of those left out.</param>
/// <param name="IsRest">Whether it is all but those.</param>
internal sealed record KeySet(IReadOnlySet<string> Names, IReadOnlyList<SchemaPattern> Patterns, bool IsRest)
{
    private static readonly HashSet<string> s_none = [];

    /// <summary>Every key.</summary>
    public static KeySet All { get; } = new(s_none, [], true);

    /// <summary>The keys that match a pattern.</summary>
    public static KeySet Of(SchemaPattern pattern) => new(s_none, [pattern], false);

    /// <summary>Whether a key is in it.</summary>
    public bool Contains(string key)
    {
        bool isNamed = Names.Contains(key) || Patterns.Any(pattern => pattern.Dfa.Accepts(key));
        return isNamed != IsRest;
    }

    /// <summary>What tells it from others.</summary>
    public string Describe() =>
        (IsRest ? "!" : "") + string.Join('\u0001', Names) + "\u0002" + string.Join('\u0001', Patterns.Select(static pattern => pattern.Key));
}

/// <summary>What must hold for some property: its key is in a set and obeys a schema, its value obeys another.</summary>
internal sealed record PropertyDemand(KeySet Keys, Literal? Key, Literal? Value);

/// <summary>
/// A schema, by what it asks: each keyword as it is written, <c>$ref</c>, <c>allOf</c> and <c>not</c> together as <see cref="All"/>. What a schema's
/// negation asks is made of such nodes too.
/// </summary>
internal sealed class SchemaNode(int id, string pointer)
{
    public int Id => id;

    /// <summary>Where it stands, a JSON pointer.</summary>
    public string Pointer => pointer;

    public JsonTypes Types { get; set; } = JsonTypes.All;

    /// <summary>Lists of which it must be in each: <c>enum</c>, <c>const</c>.</summary>
    public List<ValueList> Values { get; init; } = [];

    /// <summary>Values that it must not be.</summary>
    public ValueList Excluded { get; init; } = ValueList.None;

    /// <summary><c>allOf</c>, <c>$ref</c>, and the opposite of <c>not</c>.</summary>
    public List<Literal> All { get; init; } = [];

    public Literal[] AnyOf { get; set; } = [];

    public Literal[] OneOf { get; set; } = [];

    public Literal? If { get; set; }

    public Literal? Then { get; set; }

    public Literal? Else { get; set; }

    /// <summary>What holds where a property is: <c>dependentSchemas</c>, <c>dependentRequired</c>.</summary>
    public List<(string Name, Literal Schema)> Dependent { get; init; } = [];

    public Dictionary<string, Literal> Properties { get; init; } = [];

    /// <summary>What holds for values of keys: <c>patternProperties</c>, <c>additionalProperties</c>.</summary>
    public List<(KeySet Keys, Literal Schema)> KeyRules { get; init; } = [];

    public Literal? PropertyNames { get; set; }

    public HashSet<string> Required { get; init; } = [];

    public int MinProperties { get; set; }

    public int? MaxProperties { get; set; }

    /// <summary>What some property must be.</summary>
    public PropertyDemand? Demand { get; init; }

    public Literal[] Prefix { get; set; } = [];

    /// <summary>What holds for the elements from <see cref="Prefix"/> on.</summary>
    public Literal? Items { get; set; }

    public Literal? Contains { get; set; }

    /// <summary>The first element that counts.</summary>
    public int ContainsFrom { get; init; }

    public int MinContains { get; set; } = 1;

    public int? MaxContains { get; set; }

    public int MinItems { get; set; }

    public int? MaxItems { get; set; }

    public bool IsUnique { get; set; }

    public int MinLength { get; set; }

    public int? MaxLength { get; set; }

    public SchemaPattern? Pattern { get; set; }

    /// <summary>A pattern that must not match.</summary>
    public SchemaPattern? NoPattern { get; init; }

    /// <summary>A pattern that generated strings obey.</summary>
    public SchemaPattern? Format { get; set; }

    /// <summary>Bounds that generated numbers obey.</summary>
    public (JsonNumber Least, JsonNumber Most)? FormatRange { get; set; }

    public JsonNumber? Minimum { get; set; }

    public JsonNumber? ExclusiveMinimum { get; set; }

    public JsonNumber? Maximum { get; set; }

    public JsonNumber? ExclusiveMaximum { get; set; }

    public JsonNumber? MultipleOf { get; set; }

    public JsonNumber? NoMultipleOf { get; init; }

    /// <summary>Whether it asks nothing but to be one of some values.</summary>
    public bool IsList { get; init; }

    /// <summary>Whether it asks nothing but what <see cref="All"/> does; a schema without keywords is such a one.</summary>
    public bool IsPlain { get; set; }

    /// <summary>Its negation, once it is known.</summary>
    public IReadOnlyList<Literal[]>? Negation { get; set; }
}
