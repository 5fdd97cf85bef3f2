using System.Text.Json;

namespace MeKi.Model.Files;

/// <summary>Reads JSON out of a model file; every defect becomes a <see cref="ModelFileException"/>. Strict: no comments, no trailing commas.</summary>
internal ref struct JsonModelFile
{
    private readonly string _path;
    private readonly string _what;
    private Utf8JsonReader _reader;

    /// <param name="path">The file, for messages.</param>
    /// <param name="what">What the JSON is, for messages; empty for the file as a whole.</param>
    /// <param name="utf8">The JSON text.</param>
    internal JsonModelFile(string path, string what, ReadOnlySpan<byte> utf8)
    {
        _path = path;
        _what = what;
        _reader = new(utf8);
    }

    internal readonly JsonTokenType Type => _reader.TokenType;

    /// <summary>Goes to the next token.</summary>
    /// <returns>False after the last.</returns>
    internal bool Read()
    {
        try
        {
            return _reader.Read();
        }
        catch (JsonException e)
        {
            throw new ModelFileException(_path, _what, $"is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine})", "The file is damaged", e);
        }
    }

    /// <summary>Goes to the next token, which must be of the type.</summary>
    internal void Expect(JsonTokenType type, string place)
    {
        Read();
        if (Type != type)
            throw Wrong(place, $"has {Type} where {type} is expected");
    }

    /// <summary>Goes to the next member of the current object and reads its name.</summary>
    /// <returns>False at the object's end.</returns>
    internal bool ReadMember(string place, out string name)
    {
        Read();
        name = Type == JsonTokenType.PropertyName ? Text(place) : "";
        return Type == JsonTokenType.PropertyName;
    }

    /// <summary>Reads a string value.</summary>
    internal string ReadString(string place)
    {
        Expect(JsonTokenType.String, place);
        return Text(place);
    }

    /// <summary>Reads an array of integers that are not negative.</summary>
    internal List<long> ReadSizes(string place)
    {
        Expect(JsonTokenType.StartArray, place);
        List<long> values = [];
        while (Read() && Type != JsonTokenType.EndArray)
        {
            if (Type != JsonTokenType.Number || !_reader.TryGetInt64(out long value) || value < 0)
                throw Wrong(place, "has a value that is not an integer from 0 to 2^63 - 1");
            values.Add(value);
        }
        return values;
    }

    /// <summary>Passes over the value that comes next.</summary>
    internal void SkipValue()
    {
        Read();
        int depth = _reader.CurrentDepth;
        if (Type is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return;
        while (Read() && _reader.CurrentDepth > depth)
        {
        }
    }

    internal readonly ModelFileException Wrong(string place, string problem) => new(_path, place, problem, "The file is damaged");

    private readonly string Text(string place)
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new ModelFileException(_path, place, "holds text that is not valid UTF-8 or UTF-16", "The file is damaged", e);
        }
    }
}
