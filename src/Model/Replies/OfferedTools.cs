using System.Text;
using System.Text.Json;

namespace MeKi.Model.Replies;

/// <summary>The tools that a model was told of, and what their parameters' schemas say of values that come as bare text.</summary>
internal sealed class OfferedTools(IReadOnlyDictionary<string, JsonElement>? schemas)
{
    // Of schemas that refer to schemas.
    private const int MaxDepth = 16;

    /// <summary>Nobody said which tools there are.</summary>
    public static readonly OfferedTools Unknown = new(null);

    [Flags]
    private enum Kinds
    {
        None = 0,
        String = 1,
        Number = 2,
        Boolean = 4,
        Null = 8,
        Object = 16,
        Array = 32,
    }

    /// <summary>Whether a tool may be called so; where nobody said which there are, any may.</summary>
    public bool MayBe(string name) => schemas is null || schemas.ContainsKey(name);

    /// <summary>Whether a tool is known by this name.</summary>
    public bool Has(string name) => schemas?.ContainsKey(name) == true;

    /// <summary>
    /// An argument as JSON. The schema decides; without one, what is JSON other than a text in quotes is that, and all else is a text. What does not fit the
    /// schema is a text as well: the tool has to say what is wrong with it.
    /// </summary>
    /// <param name="tool">The tool.</param>
    /// <param name="parameter">The argument's name.</param>
    /// <param name="value">The argument as it came.</param>
    /// <param name="isJson">Whether the model said that it is JSON: then it is, whatever the schema says.</param>
    public string ToJson(string tool, string parameter, ReadOnlySpan<char> value, bool isJson = false)
    {
        if (isJson && IsJson(value))
            return value.Trim().ToString();
        Kinds kinds = KindsOf(tool, parameter);
        if (kinds == Kinds.String)
            return ReplyCursor.Quoted(value);
        ReadOnlySpan<char> word = value.Trim();
        if (kinds == Kinds.None)
            return IsJson(word) && !word.StartsWith('"') ? word.ToString() : ReplyCursor.Quoted(value);
        if (kinds.HasFlag(Kinds.Boolean) && bool.TryParse(word, out bool truth))
            return truth ? "true" : "false";
        if (kinds.HasFlag(Kinds.Null) && (Is(word, "null") || Is(word, "none")))
            return "null";
        if (kinds.HasFlag(Kinds.Number) && ReplyCursor.IsNumber(word))
            return word.ToString();
        if ((kinds.HasFlag(Kinds.Object) && word.StartsWith('{')) || (kinds.HasFlag(Kinds.Array) && word.StartsWith('[')))
        {
            if (IsJson(word))
                return word.ToString();
            // Templates that print a list or a dictionary without tojson teach the model Python's way.
            StringBuilder json = new();
            ReplyCursor literal = new(word, isWhole: true);
            if (literal.Literal(json) && literal.Position == word.Length)
                return json.ToString();
        }
        return ReplyCursor.Quoted(value);
    }

    /// <summary>Whether an argument that comes as bare text is that text, or may be: the schema says so, or says nothing.</summary>
    public bool MayBeText(string tool, string parameter) => KindsOf(tool, parameter) is var kinds && (kinds == Kinds.None || kinds.HasFlag(Kinds.String));

    private Kinds KindsOf(string tool, string parameter) =>
        schemas is not null && schemas.TryGetValue(tool, out JsonElement root) && Member(Member(root, "properties"), parameter) is { } schema
            ? KindsOf(schema, root, 0) : Kinds.None;

    private static Kinds KindsOf(JsonElement schema, JsonElement root, int depth)
    {
        Kinds kinds = Kinds.None;
        if (depth > MaxDepth || schema.ValueKind != JsonValueKind.Object)
            return kinds;
        foreach (JsonProperty keyword in schema.EnumerateObject())
        {
            JsonElement value = keyword.Value;
            kinds |= (keyword.Name, value.ValueKind) switch
            {
                ("type", JsonValueKind.String) => Named(value),
                ("type", JsonValueKind.Array) => Any(value.EnumerateArray(), Named),
                ("enum", JsonValueKind.Array) => Any(value.EnumerateArray(), KindOf),
                ("const", _) => KindOf(value),
                ("nullable", JsonValueKind.True) => Kinds.Null,
                ("anyOf" or "oneOf" or "allOf", JsonValueKind.Array) => Any(value.EnumerateArray(), each => KindsOf(each, root, depth + 1)),
                ("$ref", JsonValueKind.String) => Referred(value.GetString()!, root) is { } target ? KindsOf(target, root, depth + 1) : Kinds.None,
                _ => Kinds.None,
            };
        }
        return kinds;
    }

    private static Kinds Any(JsonElement.ArrayEnumerator elements, Func<JsonElement, Kinds> kindsOf)
    {
        Kinds kinds = Kinds.None;
        foreach (JsonElement each in elements)
            kinds |= kindsOf(each);
        return kinds;
    }

    private static Kinds Named(JsonElement type) => type.ValueKind != JsonValueKind.String ? Kinds.None : type.GetString()!.ToUpperInvariant() switch
    {
        "STRING" => Kinds.String,
        "NUMBER" or "INTEGER" => Kinds.Number,
        "BOOLEAN" => Kinds.Boolean,
        "NULL" => Kinds.Null,
        "OBJECT" => Kinds.Object,
        "ARRAY" => Kinds.Array,
        _ => Kinds.None,
    };

    private static Kinds KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Kinds.String,
        JsonValueKind.Number => Kinds.Number,
        JsonValueKind.True or JsonValueKind.False => Kinds.Boolean,
        JsonValueKind.Null => Kinds.Null,
        JsonValueKind.Object => Kinds.Object,
        JsonValueKind.Array => Kinds.Array,
        _ => Kinds.None,
    };

    private static JsonElement? Referred(string reference, JsonElement root)
    {
        if (!reference.StartsWith('#'))
            return null;
        JsonElement? target = root;
        foreach (string step in reference[1..].Split('/', StringSplitOptions.RemoveEmptyEntries))
            target = Member(target, step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal));
        return target;
    }

    private static JsonElement? Member(JsonElement? element, string name) =>
        element is { ValueKind: JsonValueKind.Object } value && value.TryGetProperty(name, out JsonElement member) ? member : null;

    private static bool Is(ReadOnlySpan<char> word, string other) => word.Equals(other, StringComparison.OrdinalIgnoreCase);

    private static bool IsJson(ReadOnlySpan<char> text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text.ToString());
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
