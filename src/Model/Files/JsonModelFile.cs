using System.Text.Json;

namespace MeKi.Model.Files;

/// <summary>Reads JSON out of a model file; every defect becomes a <see cref="ModelFileException"/>. Strict: no comments, no trailing commas.</summary>
internal ref struct JsonModelFile
{
    private readonly string _path;
    private Utf8JsonReader _reader;

    /// <param name="path">The file, for messages.</param>
    /// <param name="what">What the JSON is, for messages; empty for the file as a whole.</param>
    /// <param name="utf8">The JSON text.</param>
    internal JsonModelFile(string path, string what, ReadOnlySpan<byte> utf8)
    {
        _path = path;
        What = what;
        _reader = new(utf8);
    }

    /// <summary>The part that is read, for messages.</summary>
    internal string What { get; set; }

    /// <summary>The tensor of which the part tells; null where it is another's. Put into words only for a message: there may be a hundred thousand.</summary>
    internal string? Tensor { get; set; }

    internal readonly JsonTokenType Type => _reader.TokenType;

    private readonly string Place => Tensor is null ? What : UntrustedText.Tensor(Tensor);

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
            throw new ModelFileException(_path, What, $"is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine})", "The file is damaged", e);
        }
    }

    /// <summary>Goes to the next token, which must be of the type.</summary>
    internal void Expect(JsonTokenType type)
    {
        Read();
        if (Type != type)
            throw Wrong($"has {Type} where {type} is expected");
    }

    /// <summary>Goes to the next member of the current object.</summary>
    /// <returns>False at the object's end.</returns>
    internal bool ReadMember()
    {
        Read();
        return Type == JsonTokenType.PropertyName;
    }

    /// <summary>Whether the name or text just read is this one.</summary>
    internal readonly bool Is(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return _reader.ValueTextEquals(utf8);
        }
        catch (InvalidOperationException e)
        {
            throw NoText(e);
        }
    }

    /// <summary>The name or text just read.</summary>
    internal readonly string Text()
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw NoText(e);
        }
    }

    /// <summary>Reads a string value.</summary>
    internal string ReadString()
    {
        Expect(JsonTokenType.String);
        return Text();
    }

    /// <summary>Reads an array of integers that are not negative.</summary>
    /// <param name="sizes">Receives them; no more than it has room for.</param>
    /// <returns>How many there are.</returns>
    internal int ReadSizes(scoped Span<long> sizes)
    {
        Expect(JsonTokenType.StartArray);
        int count = 0;
        while (Read() && Type != JsonTokenType.EndArray)
        {
            if (Type != JsonTokenType.Number || !_reader.TryGetInt64(out long value) || value < 0)
                throw Wrong("has a value that is not an integer from 0 to 2^63 - 1");
            if (count == sizes.Length)
                throw Wrong($"has a list of more than {sizes.Length} sizes");
            sizes[count++] = value;
        }
        return count;
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

    internal readonly ModelFileException Wrong(string problem) => new(_path, Place, problem, "The file is damaged");

    private readonly ModelFileException NoText(Exception cause) =>
        new(_path, Place, "holds text that is not valid UTF-8 or UTF-16", "The file is damaged", cause);
}
