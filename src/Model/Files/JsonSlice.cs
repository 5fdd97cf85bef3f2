using System.Buffers;
using System.Text.Json;

namespace MeKi.Model.Files;

/// <summary>
/// A value of a large JSON file as the text that spells it. A tree takes many times the memory of its text, so only small
/// parts become one (<see cref="Tree"/>).
/// </summary>
internal readonly struct JsonSlice(string file, string place, ReadOnlyMemory<byte> text)
{
    private const int MaxTreeBytes = 1 << 20;

    /// <summary>A reader before the value.</summary>
    public Utf8JsonReader Reader => new(text.Span);

    /// <summary>How many bytes the text has.</summary>
    public int Length => text.Length;

    private ReadOnlyMemory<byte> Text => text;

    /// <summary>Reads a whole file and hands its value to a reader.</summary>
    /// <exception cref="ModelFileException">The file cannot be read or is not JSON.</exception>
    public static T Read<T>(string file, Func<JsonSlice, T> reader) => JsonText.Read(file, JsonText.MaxVocabularyBytes, text => reader(new(file, "$", text)));

    /// <summary>The fields of an object that have one of these names and are not null; of two with one name the last counts.</summary>
    public Dictionary<string, JsonSlice> Fields(params ReadOnlySpan<string> names)
    {
        Dictionary<string, JsonSlice> fields = [];
        Utf8JsonReader reader = Reader;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Fault("is not an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string? known = null;
            foreach (string name in names)
            {
                if (reader.ValueTextEquals(name))
                    known = name;
            }
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (known is not null && reader.TokenType == JsonTokenType.Null)
                fields.Remove(known);
            else if (known is not null)
                fields[known] = new(file, $"{place}.{known}", text[start..(int)reader.BytesConsumed]);
        }
        // Whatever follows the object is refused here.
        reader.Read();
        return fields;
    }

    /// <summary>A tree of some of an object's fields.</summary>
    /// <param name="fields">What <see cref="Fields"/> gave.</param>
    /// <param name="names">Those that the tree shall have.</param>
    /// <exception cref="ModelFileException">One is too large for what it is.</exception>
    public JsonPlace Tree(Dictionary<string, JsonSlice> fields, params ReadOnlySpan<string> names)
    {
        ArrayBufferWriter<byte> small = new();
        using (Utf8JsonWriter writer = new(small))
        {
            writer.WriteStartObject();
            foreach (string name in names)
            {
                if (!fields.TryGetValue(name, out JsonSlice field))
                    continue;
                if (field.Length > MaxTreeBytes)
                    throw field.Fault($"has {field.Length} bytes where at most {MaxTreeBytes} make sense");
                writer.WritePropertyName(name);
                writer.WriteRawValue(field.Text.Span);
            }
            writer.WriteEndObject();
        }
        Utf8JsonReader reader = new(small.WrittenSpan);
        return new(file, place, JsonElement.ParseValue(ref reader));
    }

    public ModelFileException Missing(string name) => Fault($"has no field '{name}'", "The file is damaged or not of this kind");

    public ModelFileException Fault(string problem, string remedy = "") => new(file, place, problem, remedy);

    /// <param name="within">Where in the value, as <c>[3].id</c>.</param>
    /// <param name="problem">What is wrong.</param>
    /// <param name="remedy">What to do.</param>
    public ModelFileException FaultAt(string within, string problem, string remedy = "") => new(file, place + within, problem, remedy);
}
