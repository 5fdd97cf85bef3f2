using System.Text.Json;
using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas;

/// <summary>A keyword with its value, and what its value is allowed to be.</summary>
internal readonly record struct SchemaKeyword(SchemaPlace Place, string Name, JsonElement Value)
{
    private const int MostMagnitude = 1000;

    // Beyond this nothing is counted: no text is so long.
    private const int MostCount = 1_000_000_000;

    /// <summary>Where it stands.</summary>
    public string Pointer { get; private init; } = Place.Pointer + "/" + SchemaIndex.Escape(Name);

    /// <summary>A part of its value, as a keyword.</summary>
    public SchemaKeyword At(string name, JsonElement value) => this with { Value = value, Pointer = Pointer + "/" + SchemaIndex.Escape(name) };

    public GrammarException Malformed(string expected) => SchemaReader.Fault(Pointer, $"must be {expected}");

    public GrammarException Unsupported(string remedy) => SchemaReader.Fault(Pointer, $"the keyword {Name} cannot be enforced here", remedy);

    public void Require(JsonValueKind kind, string expected)
    {
        if (Value.ValueKind != kind)
            throw Malformed(expected);
    }

    /// <summary>Whether the schema has another keyword with a value of a kind.</summary>
    public bool Sibling(string name, JsonValueKind kind) => Place.Element.TryGetProperty(name, out JsonElement value) && value.ValueKind == kind;

    public string Text()
    {
        Require(JsonValueKind.String, "a string");
        return Value.GetString()!;
    }

    public string[] Texts()
    {
        Require(JsonValueKind.Array, "a list of names");
        SchemaKeyword keyword = this;
        return [.. Value.EnumerateArray().Select((element, i) => keyword.At(i.ToString(System.Globalization.CultureInfo.InvariantCulture), element).Text())];
    }

    public bool IsTrue() =>
        Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? Value.ValueKind == JsonValueKind.True : throw Malformed("true or false");

    public JsonNumber Number()
    {
        Require(JsonValueKind.Number, "a number");
        JsonNumber number = JsonNumber.Parse(Value.GetRawText());
        return Math.Abs((long)number.Magnitude) <= MostMagnitude && Math.Abs((long)number.Exponent) <= 2 * MostMagnitude ? number
            : throw Malformed($"a number within ±1e{MostMagnitude}");
    }

    public int Count()
    {
        JsonNumber number = Value.ValueKind == JsonValueKind.Number ? Number() : JsonNumber.Of(-1);
        if (number.Sign < 0 || number.Exponent < 0)
            throw Malformed("a whole number, 0 or more");
        return number.Magnitude > 9 ? MostCount : (int)System.Numerics.BigInteger.Min(number.Scaled(0), MostCount);
    }

    public ValueList Values()
    {
        Require(JsonValueKind.Array, "a list of values");
        return new([.. Value.EnumerateArray().Select(JsonValue.Of)]);
    }

    public JsonTypes Types()
    {
        if (Value.ValueKind == JsonValueKind.String)
            return TypeOf(Value);
        Require(JsonValueKind.Array, "a type or a list of types");
        JsonTypes types = JsonTypes.None;
        foreach (JsonElement element in Value.EnumerateArray())
            types |= TypeOf(element);
        return types;
    }

    private JsonTypes TypeOf(JsonElement element) =>
        element.ValueKind != JsonValueKind.String ? throw Malformed("a type or a list of types") : element.GetString() switch
    {
        "null" => JsonTypes.Null,
        "boolean" => JsonTypes.Boolean,
        "integer" => JsonTypes.Integer,
        "number" => JsonTypes.Number | JsonTypes.Integer,
        "string" => JsonTypes.String,
        "array" => JsonTypes.Array,
        "object" => JsonTypes.Object,
        _ => throw Malformed("one of null, boolean, integer, number, string, array and object"),
    };
}
