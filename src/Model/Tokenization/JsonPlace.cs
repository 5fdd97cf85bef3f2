using System.Text.Json;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>A value of a JSON file that knows where it stands, so that every complaint about it names the file and the place.</summary>
internal readonly struct JsonPlace(string file, string place, JsonElement element)
{
    public JsonElement Element => element;

    public string Place => place;

    /// <summary>Reads a whole file and hands its root to a reader.</summary>
    /// <exception cref="ModelFileException">The file cannot be read or is not JSON.</exception>
    public static T Read<T>(string file, Func<JsonPlace, T> reader)
    {
        try
        {
            using var stream = File.OpenRead(file);
            using var document = JsonDocument.Parse(stream);
            return reader(new(file, "$", document.RootElement));
        }
        catch (JsonException exception)
        {
            string place = exception.LineNumber is long line ? $"line {line + 1}, byte {exception.BytePositionInLine + 1}" : "";
            throw new ModelFileException(file, place, "is not valid JSON", "The file is damaged or cut short; fetch it again", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new ModelFileException(file, "", "a field's name is not valid Unicode", "The file is damaged; fetch it again", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelFileException(file, "", "cannot be read", exception.Message.TrimEnd('.'), exception);
        }
    }

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
    public int Id() => element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int id) && id is >= 0 and < TokenizerJson.MaxVocabulary
        ? id
        : throw Fault($"{UntrustedText.Quote(element.GetRawText())} is not a token id from 0 to {TokenizerJson.MaxVocabulary - 1}");
}
