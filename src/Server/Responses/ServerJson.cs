using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using MeKi.Server.Errors;

namespace MeKi.Server.Responses;

/// <summary>Everything that the server writes as JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ErrorResponse))]
[JsonSerializable(typeof(CompletionResponse))]
[JsonSerializable(typeof(ChatResponse))]
[JsonSerializable(typeof(EmbeddingList))]
[JsonSerializable(typeof(ModelResponse))]
[JsonSerializable(typeof(ResponseEvent))]
[JsonSerializable(typeof(IReadOnlyList<AdapterItem>))]
[JsonSerializable(typeof(Outcome))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelCard))]
[JsonSerializable(typeof(TokenizeResponse))]
[JsonSerializable(typeof(PiecesResponse))]
[JsonSerializable(typeof(DetokenizeResponse))]
internal sealed partial class ServerJson : JsonSerializerContext
{
    /// <summary>Answers are JSON and never HTML: letters of all languages stay as they are.</summary>
    public static JsonWriterOptions Writing { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
}
