using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace MeKi.Model.Grammars.Values;

/// <summary>A JSON value. Equal values compare equal: numbers by what they are, objects whatever the order of their properties.</summary>
internal sealed class JsonValue : IEquatable<JsonValue>
{
    private readonly int _hash;

    private JsonValue(JsonKind kind, string text, JsonNumber number, JsonValue[] items, string[] names)
    {
        (Kind, Text, Number, Items, Names) = (kind, text, number, items, names);
        Length = text.Length + number.Length + items.Length;
        HashCode hash = default;
        hash.Add(kind);
        hash.Add(text);
        hash.Add(number);
        foreach (string name in names)
        {
            hash.Add(name);
            Length += name.Length;
        }
        foreach (JsonValue item in items)
        {
            hash.Add(item._hash);
            Length += item.Length;
        }
        _hash = hash.ToHashCode();
    }

    /// <summary>A string that is not known; it equals nothing that is compared.</summary>
    public static JsonValue Unknown { get; } = new(JsonKind.String, "\uFFFF unknown", default, [], []);

    public static JsonValue Null { get; } = new(JsonKind.Null, "", default, [], []);

    public static JsonValue False { get; } = new(JsonKind.False, "", default, [], []);

    public static JsonValue True { get; } = new(JsonKind.True, "", default, [], []);

    public JsonKind Kind { get; }

    /// <summary>A string's characters.</summary>
    public string Text { get; }

    public JsonNumber Number { get; }

    /// <summary>An array's elements, or an object's values by ascending name.</summary>
    public JsonValue[] Items { get; }

    /// <summary>An object's names, ascending.</summary>
    public string[] Names { get; }

    /// <summary>About how many characters it takes to write. One value may stand in another many times, so this can be far more than it takes to keep.</summary>
    public long Length { get; }

    public static JsonValue Of(string text) => new(JsonKind.String, text, default, [], []);

    public static JsonValue Of(JsonNumber number) => new(JsonKind.Number, "", number, [], []);

    public static JsonValue Of(JsonValue[] items) => new(JsonKind.Array, "", default, items, []);

    /// <summary>An object; of two properties of one name the last counts.</summary>
    public static JsonValue Of(IEnumerable<KeyValuePair<string, JsonValue>> properties)
    {
        SortedDictionary<string, JsonValue> sorted = new(StringComparer.Ordinal);
        foreach ((string name, JsonValue value) in properties)
            sorted[name] = value;
        return new(JsonKind.Object, "", default, [.. sorted.Values], [.. sorted.Keys]);
    }

    public static JsonValue Of(JsonElement element)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return element.ValueKind switch
        {
            JsonValueKind.Null => Null,
            JsonValueKind.False => False,
            JsonValueKind.True => True,
            JsonValueKind.Number => Of(JsonNumber.Parse(element.GetRawText())),
            JsonValueKind.String => Of(element.GetString()!),
            JsonValueKind.Array => Of([.. element.EnumerateArray().Select(Of)]),
            _ => Of(element.EnumerateObject().Select(static property => KeyValuePair.Create(property.Name, Of(property.Value)))),
        };
    }

    /// <summary>An object's value; null where it has none of that name.</summary>
    public JsonValue? Find(string name)
    {
        int at = Array.BinarySearch(Names, name, StringComparer.Ordinal);
        return at >= 0 ? Items[at] : null;
    }

    /// <summary>Whether a string in it is not known.</summary>
    public bool HasUnknown() => ReferenceEquals(this, Unknown) || Array.Exists(Items, static item => item.HasUnknown());

    /// <summary>A JSON text of it, without spaces; of equal values the same.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        Write(text);
        return text.ToString();
    }

    /// <summary>A string as JSON spells it, with no escape that is not needed.</summary>
    public static string Spell(string text)
    {
        StringBuilder spelt = new("\"");
        foreach (char character in text)
        {
            _ = character switch
            {
                '"' => spelt.Append("\\\""),
                '\\' => spelt.Append("\\\\"),
                '\n' => spelt.Append("\\n"),
                '\r' => spelt.Append("\\r"),
                '\t' => spelt.Append("\\t"),
                < ' ' => spelt.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"),
                _ => spelt.Append(character),
            };
        }
        return spelt.Append('"').ToString();
    }

    public bool Equals(JsonValue? other)
    {
        if (ReferenceEquals(this, other))
            return true;
        if (other is null || _hash != other._hash || Kind != other.Kind || Text != other.Text || !Number.Equals(other.Number)
            || Items.Length != other.Items.Length || !Names.AsSpan().SequenceEqual(other.Names))
        {
            return false;
        }
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return Items.AsSpan().SequenceEqual(other.Items);
    }

    public override bool Equals(object? obj) => Equals(obj as JsonValue);

    public override int GetHashCode() => _hash;

    private void Write(StringBuilder text)
    {
        switch (Kind)
        {
            case JsonKind.Null:
                text.Append("null");
                break;
            case JsonKind.False:
                text.Append("false");
                break;
            case JsonKind.True:
                text.Append("true");
                break;
            case JsonKind.Number:
                text.Append(Number.ToString());
                break;
            case JsonKind.String:
                text.Append(Spell(Text));
                break;
            default:
                text.Append(Kind == JsonKind.Array ? '[' : '{');
                for (int i = 0; i < Items.Length; i++)
                {
                    if (i > 0)
                        text.Append(',');
                    if (Kind == JsonKind.Object)
                        text.Append(Spell(Names[i])).Append(':');
                    Items[i].Write(text);
                }
                text.Append(Kind == JsonKind.Array ? ']' : '}');
                break;
        }
    }
}
