using MeKi.Model.Grammars.Values;

namespace MeKi.Model.Grammars.Schemas.Shapes;

/// <summary>The properties that an object has so far. Immutable.</summary>
internal sealed class SeenKeys
{
    private readonly Link? _last;

    private SeenKeys(string[] keys, int count, Link? last) => (Keys, Count, _last) = (keys, count, last);

    public static SeenKeys None { get; } = new([], 0, null);

    /// <summary>Those that are known, ascending.</summary>
    public string[] Keys { get; }

    /// <summary>How many there are.</summary>
    public int Count { get; }

    /// <summary>Whether one is not known: nobody can tell whether another is the same.</summary>
    public bool HasUnknown => Count > Keys.Length;

    public bool Contains(string key) => Array.BinarySearch(Keys, key, StringComparer.Ordinal) >= 0;

    /// <summary>With one more; null for one that is not known.</summary>
    public SeenKeys With(string? key)
    {
        if (key is null)
            return new(Keys, Count + 1, new(null, null, _last));
        int at = ~Array.BinarySearch(Keys, key, StringComparer.Ordinal);
        return at < 0 ? this : new([.. Keys.AsSpan(0, at), key, .. Keys.AsSpan(at)], Count + 1, new(key, null, _last));
    }

    /// <summary>With the last property's value.</summary>
    public SeenKeys With(JsonValue value) => new(Keys, Count, _last! with { Value = value });

    /// <summary>The object, where the values were kept.</summary>
    public JsonValue ToValue()
    {
        List<KeyValuePair<string, JsonValue>> properties = [];
        for (Link? one = _last; one is not null; one = one.Before)
            properties.Add(KeyValuePair.Create(one.Key ?? "\uFFFF unknown", one.Value ?? JsonValue.Unknown));
        return JsonValue.Of(properties);
    }

    private sealed record Link(string? Key, JsonValue? Value, Link? Before);
}
