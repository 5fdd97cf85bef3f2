using System.Text.Json;

namespace MeKi.Model.Checkpoints;

/// <summary>The settings of a JSON object in a file, each read with a check of its type; an error names file and key.</summary>
internal sealed class JsonSettings
{
    private readonly string _path;
    private readonly JsonElement _root;

    private JsonSettings(string path, JsonElement root) => (_path, _root) = (path, root);

    /// <exception cref="ModelFileException">The file is missing, unreadable or not a JSON object.</exception>
    public static JsonSettings Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path), new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new(path, document.RootElement.Clone())
                : throw new ModelFileException(path, "", "is not a JSON object", "Copy the file again");
        }
        catch (JsonException failure)
        {
            throw new ModelFileException(path, $"line {failure.LineNumber + 1}, byte {failure.BytePositionInLine}", "is not valid JSON", "Copy the file again", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ModelFileException(path, "", failure is FileNotFoundException ? "the file does not exist" : failure.Message.TrimEnd('.'), "Name a folder with this file", failure);
        }
    }

    /// <summary>Whether the key is present with a value other than null.</summary>
    public bool Has(string key) => _root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>The integer under the first of the keys that is present.</summary>
    public int? Int(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys)
        {
            if (Has(key))
                return _root.GetProperty(key) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out int value) ? value : throw Wrong(key, "an integer");
        }
        return null;
    }

    public int RequiredInt(params ReadOnlySpan<string> keys) => Int(keys) ?? throw new ModelFileException(_path, $"key '{keys[0]}'", "is missing", "Add it to the configuration");

    public float? Float(string key) =>
        !Has(key) ? null : _root.GetProperty(key) is { ValueKind: JsonValueKind.Number } number && number.TryGetSingle(out float value) ? value : throw Wrong(key, "a number");

    public bool? Bool(string key) => !Has(key) ? null : _root.GetProperty(key).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(key, "true or false"),
    };

    public string? Text(string key)
    {
        try
        {
            return !Has(key) ? null : _root.GetProperty(key) is { ValueKind: JsonValueKind.String } text ? text.GetString() : throw Wrong(key, "a string");
        }
        catch (InvalidOperationException failure)
        {
            throw new ModelFileException(_path, $"key '{key}'", "is not valid Unicode", "Correct the configuration", failure);
        }
    }

    public JsonSettings? Object(string key) => !Has(key) ? null : _root.GetProperty(key) is { ValueKind: JsonValueKind.Object } value ? new(_path, value) : throw Wrong(key, "an object");

    private ModelFileException Wrong(string key, string wanted) => new(_path, $"key '{key}'", $"is not {wanted}", "Correct the configuration");
}
