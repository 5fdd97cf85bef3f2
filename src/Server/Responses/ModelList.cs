using System.Text.Json.Nodes;

namespace MeKi.Server.Responses;

/// <summary>The answer of <c>/v1/models</c>.</summary>
internal sealed record ModelList(string Object, IReadOnlyList<ModelCard> Data);

/// <summary>A model that is served.</summary>
internal sealed record ModelCard(string Id, string Object, long Created, string OwnedBy, ModelFacts Meta);

/// <summary>Its shape, by llama.cpp's names where it has them.</summary>
internal sealed record ModelFacts(string Family, int NVocab, int NCtxTrain, int NEmbd, int NLayer, long Size, long SizeOnStorage, string Kernels, int Threads);

/// <summary>The answer of <c>/tokenize</c>.</summary>
internal sealed record TokenizeResponse(IReadOnlyList<int>? Tokens, int Count, int MaxModelLen);

/// <summary>Its answer where pieces are wanted.</summary>
internal sealed record PiecesResponse(IReadOnlyList<TokenPiece> Tokens, int Count, int MaxModelLen);

/// <summary>A token and its text, or its bytes where these are no whole characters.</summary>
internal sealed record TokenPiece(int Id, JsonNode Piece);

/// <summary>The answer of <c>/detokenize</c>.</summary>
internal sealed record DetokenizeResponse(string Content);
