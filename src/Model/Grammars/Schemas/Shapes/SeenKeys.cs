using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>The properties that an object has so far. Immutable.</summary>
internal sealed class SeenKeys
{
    private SeenKeys(string[] keys, int count, SeenKeys? before, string? last, JsonValue? value) =>
        (Keys, Count, Before, Last, Value) = (keys, count, before, last, value);

    public static SeenKeys None { get; } = new([], 0, null, null, null);

    /// <summary>Those that are known, ascending.</summary>
    public string[] Keys { get; }

    /// <summary>How many there are.</summary>
    public int Count { get; }

    /// <summary>Whether one is not known: nobody can tell whether another is the same.</summary>
    public bool HasUnknown => Count > Keys.Length;

    private SeenKeys? Before { get; }

    private string? Last { get; }

    private JsonValue? Value { get; }

    public bool Contains(string key) => Array.BinarySearch(Keys, key, StringComparer.Ordinal) >= 0;

    /// <summary>With one more; null for one that is not known.</summary>
    public SeenKeys With(string? key)
    {
        if (key is null)
            return new(Keys, Count + 1, this, null, null);
        int at = ~Array.BinarySearch(Keys, key, StringComparer.Ordinal);
        return at < 0 ? this : new([.. Keys[..at], key, .. Keys[at..]], Count + 1, this, key, null);
    }

    /// <summary>With the last property's value.</summary>
    public SeenKeys With(JsonValue value) => new(Keys, Count, Before, Last, value);

    /// <summary>The object, where the values were kept.</summary>
    public JsonValue ToValue()
    {
        List<KeyValuePair<string, JsonValue>> properties = [];
        for (SeenKeys? one = this; one?.Before is not null; one = one.Before)
            properties.Add(KeyValuePair.Create(one.Last ?? "\uFFFF unknown", one.Value ?? JsonValue.Unknown));
        return JsonValue.Of(properties);
    }
}
