using MeKi.Model.Tokenization;

namespace MeKi.Model.Embeddings;

/// <summary>Makes vectors of texts: tokens, pooling, cut, length 1.</summary>
internal sealed class Embedder(LoadedModel model)
{
    private readonly Lazy<Pooling?> _pooling = new(() => EmbeddingFiles.PoolingOf(model.Source));

    /// <summary>What the model's files say; where they do not, the last token's vector: it is the only one that has seen the whole text.</summary>
    /// <exception cref="ModelFileException">The files ask for a pooling that is not supported.</exception>
    public Pooling Pooling => _pooling.Value ?? Pooling.Last;

    /// <summary>Makes the vectors.</summary>
    public TextEmbedding[] Embed(IReadOnlyList<string> texts, int dimensions, Pooling? pooling, CancellationToken cancellationToken)
    {
        using LoadedModel.Hold hold = model.HoldOpen();
        Pooling way = pooling ?? Pooling;
        int[][] tokens = TokensOf(texts);
        double[][] pooled = EmbeddingPass.Run(model, tokens, way, cancellationToken);
        return [.. pooled.Select((vector, i) => new TextEmbedding(Normalised(vector.AsSpan(0, dimensions)), tokens[i].Length))];
    }

    private int[][] TokensOf(IReadOnlyList<string> texts)
    {
        Tokenizer tokenizer = model.RequiredTokenizer;
        int[][] tokens = new int[texts.Count][];
        for (int i = 0; i < tokens.Length; i++)
        {
            List<int> ids = [.. tokenizer.Encode(texts[i] ?? throw new ArgumentException($"Text {i} is null.", nameof(texts)), parseSpecial: false)];
            if (tokenizer.AppendedId is int last)
                ids.Add(last);
            if (ids.Count == 0)
                throw new ArgumentException($"Text {i} has no tokens.", nameof(texts));
            if (ids.Count > model.Config.ContextLength)
                throw new ContextOverflowException(ids.Count, 0, model.Config.ContextLength);
            tokens[i] = [.. ids];
        }
        return tokens;
    }

    private static float[] Normalised(ReadOnlySpan<double> vector)
    {
        double square = 0;
        foreach (double value in vector)
            square += value * value;
        double scale = square > 0 ? 1 / Math.Sqrt(square) : 0;
        float[] unit = new float[vector.Length];
        for (int i = 0; i < unit.Length; i++)
            unit[i] = (float)(vector[i] * scale);
        return unit;
    }
}
