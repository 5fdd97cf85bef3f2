using System.Globalization;
using System.Text.Json;
using MeKi.Server.Errors;

namespace MeKi.Server.Requests;

/// <summary>The members of a JSON object of a request. A member that is null counts as absent; one of the wrong kind is an error that names it.</summary>
/// <param name="json">The object.</param>
/// <param name="path">What comes before the names in messages, such as <c>messages[0].</c></param>
internal readonly struct RequestFields(JsonElement json, string path = "")
{
    /// <summary>Takes an object's members.</summary>
    /// <exception cref="ApiException">It is no object.</exception>
    public static RequestFields Of(JsonElement json, string path) => json.ValueKind == JsonValueKind.Object
        ? new(json, path.Length == 0 ? "" : path + ".")
        : throw Wrong(path.Length == 0 ? "body" : path, "an object", json);

    public string PathOf(string name) => path + name;

    public JsonElement? Find(string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined) ? value : null;

    /// <summary>The first of several names of one thing that is there.</summary>
    public string NameOf(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (Find(name) is not null)
                return name;
        }
        return names[0];
    }

    public string? Text(string name) => Find(name) is { } value ? Text(value, path + name) : null;

    public string RequiredText(string name) => Text(name) ?? throw Missing(name);

    public bool? Flag(string name) => Find(name) is not { } value ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(path + name, "true or false", value),
    };

    public int? Whole(string name, int least, int most = int.MaxValue)
    {
        if (Find(name) is not { } value)
            return null;
        int number = Whole(value, path + name);
        return number >= least && number <= most ? number : throw OutOfRange(name, least, most, value);
    }

    public float? Number(string name, float least, float most)
    {
        if (Find(name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetSingle(out float number))
            throw Wrong(path + name, "a number", value);
        return number >= least && number <= most ? number : throw OutOfRange(name, least, most, value);
    }

    public RequestFields? Object(string name) => Find(name) is { } value ? Of(value, path + name) : null;

    /// <summary>The elements of an array with their paths; null where there is none.</summary>
    public (JsonElement Value, string Path)[]? List(string name, int most)
    {
        string prefix = path + name;
        return Find(name) is { } value ? List(value, prefix, most) : null;
    }

    public static (JsonElement Value, string Path)[] List(JsonElement value, string path, int most)
    {
        if (value.ValueKind != JsonValueKind.Array)
            throw Wrong(path, "an array", value);
        if (value.GetArrayLength() > most)
            throw ApiException.Invalid(path, $"'{path}' has {value.GetArrayLength()} elements; at most {most} are taken.");
        return [.. value.EnumerateArray().Select((element, i) => (element, $"{path}[{i}]"))];
    }

    public ApiException Missing(string name) =>
        new(StatusCodes.Status400BadRequest, $"'{path + name}' is missing.", path + name, "missing_required_parameter");

    public static string Text(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw Wrong(path, "a string", value);
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw ApiException.Invalid(path, $"'{path}' is no valid text: it has half of a surrogate pair, or bytes that are no UTF-8.");
        }
    }

    public static int Whole(JsonElement value, string path)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number))
            return number;
        // 5.0 is written by programs that know one kind of number.
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double real) && Math.Abs(real) <= int.MaxValue && real == Math.Floor(real))
            return (int)real;
        throw Wrong(path, "a whole number", value);
    }

    public static ApiException Wrong(string path, string expected, JsonElement value) => new(StatusCodes.Status400BadRequest,
        $"'{UntrustedText.Line(path, 80)}' must be {expected}, not {KindOf(value)}.", path, "invalid_type");

    private ApiException OutOfRange(string name, double least, double most, JsonElement value)
    {
        string range = most is >= int.MaxValue ? $"{least} or more" : $"from {least} to {most}";
        return ApiException.Invalid(path + name,
            string.Create(CultureInfo.InvariantCulture, $"'{path + name}' must be {range}, not {UntrustedText.Line(value.GetRawText(), 40)}."));
    }

    private static string KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => UntrustedText.Line(value.GetRawText(), 40),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => "null",
    };
}
