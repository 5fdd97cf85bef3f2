using System.Text.Json;

namespace MeKi.Model.Files;

/// <summary>A value of a JSON file that knows where it stands, so that every complaint about it names the file and the place.</summary>
internal readonly struct JsonPlace(string file, string place, JsonElement element)
{
    /// <summary>Token ids lie below: the largest vocabulary there may be.</summary>
    public const int MaxId = 1 << 21;

    public JsonElement Element => element;

    public string Place => place;

    // A value in memory takes some fifty bytes while a document grows, and one in a file as few as two: more than these do not come from a tokenizer.
    private const int MaxValues = 1_250_000, BytesPerValue = 16;

    /// <summary>Reads a whole file and hands its root to a reader.</summary>
    /// <param name="file">The file.</param>
    /// <param name="reader">Reads the root.</param>
    /// <param name="most">The most bytes the file may have.</param>
    /// <exception cref="ModelFileException">The file cannot be read or is not JSON.</exception>
    public static T Read<T>(string file, Func<JsonPlace, T> reader, int most = JsonText.MaxSettingsBytes) => JsonText.Read(file, most, text =>
    {
        using JsonDocument document = Parse(file, text);
        return reader(new(file, "$", document.RootElement));
    });

    public ModelFileException Fault(string problem, string remedy = "") => new(file, place, problem, remedy);

    /// <summary>A field that must be there.</summary>
    public JsonPlace Field(string name) => TryField(name) ?? throw Fault($"has no field '{name}'", "The file is damaged or not of this kind");

    /// <summary>A field that may be absent or null; null for both.</summary>
    public JsonPlace? TryField(string name)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Fault("is not an object");
        return element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? new(file, $"{place}.{name}", value) : null;
    }

    /// <summary>The value of a field that is false when absent.</summary>
    public bool Flag(string name) => TryField(name) is JsonPlace field && field.Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw field.Fault("is neither true nor false"),
    };

    /// <summary>A setting that may be absent: an integer, however it is written (<c>4096.0</c>, <c>1e4</c>).</summary>
    public int? TryInt(string name)
    {
        if (TryField(name) is not JsonPlace field)
            return null;
        double value = double.NaN;
        bool isNumber = field.Element.ValueKind == JsonValueKind.Number && field.Element.TryGetDouble(out value);
        return isNumber && value == Math.Floor(value) && Math.Abs(value) <= int.MaxValue ? (int)value : throw field.Fault("is not an integer", "Correct it");
    }

    /// <summary>A setting that must be there: an integer.</summary>
    public int Int(string name) => TryInt(name) ?? throw Fault($"has no field '{name}'", "Add it");

    /// <summary>A setting that may be absent: a number.</summary>
    public float? TryFloat(string name) => TryField(name) is JsonPlace field
        ? field.Element.ValueKind == JsonValueKind.Number && field.Element.TryGetSingle(out float value) ? value
            : throw field.Fault("is not a number", "Correct it")
        : null;

    /// <summary>A setting that may be absent: true or false.</summary>
    public bool? TryFlag(string name) => TryField(name) is null ? null : Flag(name);

    /// <summary>A setting that may be absent: a string.</summary>
    public string? TryText(string name) => TryField(name)?.Text();

    /// <summary>The value as a number.</summary>
    public float Number() =>
        element.ValueKind == JsonValueKind.Number && element.TryGetSingle(out float value) ? value : throw Fault("is not a number", "Correct it");

    /// <summary>The fields of an object, in order.</summary>
    public IEnumerable<(string Name, JsonPlace Value)> Members()
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Fault("is not an object");
        var (source, path) = (file, place);
        return element.EnumerateObject().Select(member => (member.Name, new JsonPlace(source, $"{path}.{UntrustedText.Quote(member.Name)}", member.Value)));
    }

    public IEnumerable<JsonPlace> Items()
    {
        if (element.ValueKind != JsonValueKind.Array)
            throw Fault("is not an array");
        var (source, path) = (file, place);
        return element.EnumerateArray().Select((item, i) => new JsonPlace(source, $"{path}[{i}]", item));
    }

    public string Text()
    {
        try
        {
            return element.ValueKind == JsonValueKind.String ? element.GetString()! : throw Fault("is not a string");
        }
        catch (InvalidOperationException exception)
        {
            throw new ModelFileException(file, place, "is not valid Unicode", "", exception);
        }
    }

    /// <summary>A token id: an integer from 0 to the largest vocabulary there may be.</summary>
    public int Id() => element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int id) && id is >= 0 and < MaxId
        ? id
        : throw Fault($"{UntrustedText.Quote(element.GetRawText())} is not a token id from 0 to {MaxId - 1}");

    private static JsonDocument Parse(string file, ReadOnlyMemory<byte> text)
    {
        try
        {
            CheckValues(file, text.Span);
            return JsonDocument.Parse(text);
        }
        catch (JsonException)
        {
            if (PythonJson.Quote(text.Span) is not { } quoted)
                throw;
            CheckValues(file, quoted);
            return JsonDocument.Parse(quoted);
        }
    }

    private static void CheckValues(string file, ReadOnlySpan<byte> text)
    {
        if (text.Length < MaxValues)
            return;
        long most = MaxValues + text.Length / BytesPerValue;
        for (Utf8JsonReader tokens = new(text); tokens.Read();)
        {
            if (--most < 0)
                throw new ModelFileException(file, "", $"holds more values than a file of {text.Length} bytes needs", "Check that it is the right file");
        }
    }
}
