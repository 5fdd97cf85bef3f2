using System.Threading.Channels;
using MeKi.Model.Adapters;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Embeddings;

/// <summary>Makes vectors of texts: tokens, pooling, cut, length 1.</summary>
internal sealed class Embedder
{
    // Each call holds keys and values of a text, which nobody else counts.
    private const int MostAtOnce = 4;

    private readonly LoadedModel _model;
    private readonly Channel<int> _turns = Channel.CreateBounded<int>(MostAtOnce);
    private readonly Lazy<Pooling?> _pooling;

    public Embedder(LoadedModel model)
    {
        (_model, _pooling) = (model, new(() => EmbeddingFiles.PoolingOf(model.Source)));
        for (int i = 0; i < MostAtOnce; i++)
            _turns.Writer.TryWrite(i);
    }

    /// <summary>What the model's files say; where they do not, the last token's vector: it is the only one that has seen the whole text.</summary>
    /// <exception cref="ModelFileException">The files ask for a pooling that is not supported.</exception>
    public Pooling Pooling => _pooling.Value ?? Pooling.Last;

    /// <summary>Makes the vectors.</summary>
    /// <param name="tokens">Token ids of each text, at least one.</param>
    /// <param name="dimensions">How many numbers of each vector are kept.</param>
    /// <param name="pooling">Null for what the model's files say.</param>
    /// <param name="cancellationToken">Ends the work between two batches.</param>
    public async Task<TextEmbedding[]> EmbedAsync(IReadOnlyList<int[]> tokens, int dimensions, Pooling? pooling, CancellationToken cancellationToken)
    {
        int turn = await _turns.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => Embed(tokens, dimensions, pooling, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turns.Writer.TryWrite(turn);
        }
    }

    /// <summary>The tokens that a text's vector is made of.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    /// <exception cref="ContextOverflowException">There are more than the model's context has.</exception>
    public int[] TokensOf(string text)
    {
        Tokenizer tokenizer = _model.RequiredTokenizer;
        int[] ids = tokenizer.Encode(text, parseSpecial: false);
        if (tokenizer.AppendedId is int last)
            ids = [.. ids, last];
        if (ids.Length == 0)
            throw new ArgumentException("A text has no tokens.", nameof(text));
        return ids.Length <= _model.Config.ContextLength ? ids : throw new ContextOverflowException(ids.Length, 0, _model.Config.ContextLength);
    }

    private TextEmbedding[] Embed(IReadOnlyList<int[]> tokens, int dimensions, Pooling? pooling, CancellationToken cancellationToken)
    {
        using LoadedModel.Hold hold = _model.HoldOpen();
        using AdapterSet? adapters = _model.Adapters.Acquire(_model.DefaultAdapters);
        double[][] pooled = EmbeddingPass.Run(_model, adapters, tokens, pooling ?? Pooling, cancellationToken);
        return [.. pooled.Select((vector, i) => new TextEmbedding(Normalised(vector.AsSpan(0, dimensions)), tokens[i].Length))];
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
