using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MeKi.Server.Responses;

/// <summary>The answer of <c>/v1/embeddings</c>.</summary>
internal sealed record EmbeddingList(string Object, IReadOnlyList<EmbeddingItem> Data, string Model, EmbeddingUsage Usage);

/// <summary>The vector of one text.</summary>
internal sealed record EmbeddingItem(string Object, int Index, EmbeddingVector Embedding);

/// <summary>A vector: numbers, or their bytes in base64.</summary>
[JsonConverter(typeof(VectorConverter))]
internal readonly record struct EmbeddingVector(float[] Values, bool IsBase64);

/// <summary>Writes vectors as they are: a node of JSON for each number takes many times its memory.</summary>
internal sealed class VectorConverter : JsonConverter<EmbeddingVector>
{
    public override EmbeddingVector Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

    public override void Write(Utf8JsonWriter writer, EmbeddingVector value, JsonSerializerOptions options)
    {
        if (value.IsBase64)
        {
            writer.WriteBase64StringValue(MemoryMarshal.AsBytes(value.Values.AsSpan()));
            return;
        }
        writer.WriteStartArray();
        foreach (float number in value.Values)
            writer.WriteNumberValue(number);
        writer.WriteEndArray();
    }
}

/// <summary>Tokens of all texts.</summary>
internal sealed record EmbeddingUsage(int PromptTokens, int TotalTokens);
