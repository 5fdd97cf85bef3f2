using System.Text.Json.Nodes;

namespace MeKi.Server.Responses;

/// <summary>The answer of <c>/v1/embeddings</c>.</summary>
internal sealed record EmbeddingList(string Object, IReadOnlyList<EmbeddingItem> Data, string Model, EmbeddingUsage Usage);

/// <summary>The vector of one text: numbers, or their bytes in base64.</summary>
internal sealed record EmbeddingItem(string Object, int Index, JsonNode Embedding);

/// <summary>Tokens of all texts.</summary>
internal sealed record EmbeddingUsage(int PromptTokens, int TotalTokens);
