using System.Collections;
using System.Diagnostics.CodeAnalysis;
using MeKi.Model.Files;

namespace MeKi.Model.Gguf;

/// <summary>
/// The key-value section of a GGUF file, in file order. A value is a <see cref="byte"/>, <see cref="sbyte"/>, <see cref="ushort"/>, <see cref="short"/>,
/// <see cref="uint"/>, <see cref="int"/>, <see cref="float"/>, <see cref="bool"/>, <see cref="string"/>, <see cref="ulong"/>, <see cref="long"/>,
/// <see cref="double"/>, an array of one of these, or <c>Array[]</c> for an array of arrays: the thirteen value types of the GGUF specification.
/// </summary>
/// <param name="path">The file the values belong to; errors name it.</param>
public sealed class GgufMetadata(string path) : IEnumerable<KeyValuePair<string, object>>
{
    private readonly OrderedDictionary<string, object> _values = [];

    /// <summary>The file the values belong to.</summary>
    public string Path => path;

    /// <summary>How many keys there are.</summary>
    public int Count => _values.Count;

    /// <summary>Sets a value, at the end if the key is new. Used to build a file.</summary>
    public object this[string key]
    {
        set => _values[key] = value;
    }

    /// <summary>Whether the key is present.</summary>
    public bool Contains(string key) => _values.ContainsKey(key);

    /// <summary>Whether the key is present with an array.</summary>
    public bool IsArray(string key) => _values.TryGetValue(key, out object? value) && value is Array or Utf8Strings;

    /// <summary>Reads a value of exactly type <typeparamref name="T"/>.</summary>
    /// <returns>False when the key is absent.</returns>
    /// <exception cref="ModelFileException">The key is present with another type.</exception>
    public bool TryGet<T>(string key, [MaybeNullWhen(false)] out T value) where T : notnull
    {
        if (!_values.TryGetValue(key, out object? raw))
        {
            value = default;
            return false;
        }
        value = AsPublic(raw) is T typed ? typed : throw WrongType(key, raw, typeof(T).Name);
        return true;
    }

    /// <summary>Reads a value of exactly type <typeparamref name="T"/>.</summary>
    /// <exception cref="ModelFileException">The key is absent or has another type.</exception>
    public T Get<T>(string key) where T : notnull => TryGet<T>(key, out var value) ? value : throw Missing(key);

    /// <summary>Reads a value of exactly type <typeparamref name="T"/>, or the fallback when the key is absent.</summary>
    /// <exception cref="ModelFileException">The key is present with another type.</exception>
    public T GetOr<T>(string key, T fallback) where T : notnull => TryGet<T>(key, out var value) ? value : fallback;

    /// <summary>Reads any integer type as <see cref="int"/>: writers disagree on the width of counts and ids.</summary>
    /// <exception cref="ModelFileException">The key is absent, not an integer, or does not fit.</exception>
    public int GetInt(string key) => TryGetInt(key) ?? throw Missing(key);

    /// <summary>Reads any integer type as <see cref="int"/>.</summary>
    /// <returns>Null when the key is absent.</returns>
    /// <exception cref="ModelFileException">The value is not an integer or does not fit.</exception>
    public int? TryGetInt(string key) => TryGetInteger(key) switch
    {
        null => null,
        Int128 wide when wide >= int.MinValue && wide <= int.MaxValue => (int)wide,
        Int128 wide => throw new ModelFileException(path, Place(key), $"the value {wide} is out of range", "The file is damaged or not for this engine"),
    };

    /// <summary>Reads any integer type, whatever its value.</summary>
    /// <returns>Null when the key is absent.</returns>
    /// <exception cref="ModelFileException">The value is not an integer.</exception>
    internal Int128? TryGetInteger(string key) => !_values.TryGetValue(key, out object? raw)
        ? null
        : raw switch
        {
            byte v => (Int128)v,
            sbyte v => v,
            ushort v => v,
            short v => v,
            uint v => v,
            int v => v,
            ulong v => v,
            long v => v,
            _ => throw WrongType(key, raw, "an integer"),
        };

    /// <summary>Reads a float32 or float64 as <see cref="float"/>.</summary>
    /// <returns>Null when the key is absent.</returns>
    /// <exception cref="ModelFileException">The value is not a number with a fraction.</exception>
    public float? TryGetFloat(string key) => !_values.TryGetValue(key, out object? raw) ? null : raw switch
    {
        float v => v,
        double v => (float)v,
        _ => throw WrongType(key, raw, "a float"),
    };

    /// <summary>Reads an array of strings as the UTF-8 that the file has.</summary>
    /// <exception cref="ModelFileException">The key is absent or has another type.</exception>
    internal Utf8Strings GetTexts(string key) => _values.TryGetValue(key, out object? raw)
        ? raw as Utf8Strings ?? Utf8Strings.Of(Get<string[]>(key))
        : throw Missing(key);

    /// <summary>The values as they are kept: arrays of strings as <see cref="Utf8Strings"/>.</summary>
    internal IEnumerable<KeyValuePair<string, object>> Raw => _values;

    /// <summary>Lets go of the values of some keys, once they were made into something else.</summary>
    internal void Drop(string prefix)
    {
        foreach (string key in _values.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).ToArray())
            _values.Remove(key);
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, object>> GetEnumerator() =>
        _values.Select(static pair => KeyValuePair.Create(pair.Key, AsPublic(pair.Value))).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    // An array of strings that was read stays UTF-8 until somebody asks for strings: of a vocabulary nobody does.
    private static object AsPublic(object raw) => raw is Utf8Strings texts ? texts.ToArray() : raw;

    private static string Place(string key) => $"metadata key {UntrustedText.Quote(key)}";

    private ModelFileException Missing(string key) =>
        new(path, Place(key), "is missing", "Convert the checkpoint again with a current tool");

    private ModelFileException WrongType(string key, object raw, string wanted) =>
        new(path, Place(key), $"has type {(raw is Utf8Strings ? nameof(String) + "[]" : raw.GetType().Name)} where {wanted} is needed",
            "Convert the checkpoint again with a current tool");
}
