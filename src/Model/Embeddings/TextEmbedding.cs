namespace MeKi.Model.Embeddings;

/// <summary>What a text means to a model, as a vector.</summary>
/// <param name="Vector">Of length 1.</param>
/// <param name="Tokens">Tokens of the text.</param>
public sealed record TextEmbedding(float[] Vector, int Tokens);
