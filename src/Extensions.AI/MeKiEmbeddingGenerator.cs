using MeKi.Model;
using MeKi.Model.Embeddings;
using Microsoft.Extensions.AI;

namespace MeKi.Extensions.AI;

/// <summary>
/// A model as <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>: vectors of length 1. Safe for any number of threads. The texts of a call pass through the
/// model together.
/// </summary>
/// <remarks>
/// The pooling is what the model's files say (<c>pooling_type</c> in GGUF, the modules of sentence-transformers), and the last token's where they do not; the
/// additional property <c>pooling</c> (<c>mean</c>, <c>last</c>, <c>cls</c>) goes before it. What a model wants to stand before a query is the caller's.
/// </remarks>
public sealed class MeKiEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    private const string PoolingName = "pooling";

    private readonly MeKiModel _model;
    private readonly EmbeddingGeneratorMetadata _metadata;

    /// <summary>Makes a generator of a model.</summary>
    /// <param name="model">The model; it stays the caller's, who disposes it after the generator.</param>
    /// <param name="modelId">What it is called in answers and metadata; null for the name of its file or folder.</param>
    /// <exception cref="InvalidOperationException">The model has no tokenizer.</exception>
    public MeKiEmbeddingGenerator(MeKiModel model, string? modelId = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _ = model.Loaded.RequiredTokenizer;
        _model = model;
        _metadata = new(ModelName.Provider, defaultModelId: modelId ?? ModelName.Of(model), defaultModelDimensions: model.Config.HiddenSize);
    }

    /// <inheritdoc/>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        ModelName.Check("EmbeddingGenerationOptions.ModelId", options?.ModelId, _metadata.DefaultModelId!);
        if (options?.RawRepresentationFactory?.Invoke(this) is { } raw)
            throw new NotSupportedException(
                $"EmbeddingGenerationOptions.RawRepresentationFactory gives {raw.GetType().Name}, which this generator does not know.");
        IReadOnlyList<TextEmbedding> made =
            await _model.EmbedAsync(values, options?.Dimensions, PoolingOf(options?.AdditionalProperties), cancellationToken).ConfigureAwait(false);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        long tokens = made.Sum(each => (long)each.Tokens);
        return new(made.Select(each => new Embedding<float>(each.Vector) { CreatedAt = now, ModelId = _metadata.DefaultModelId }))
        {
            Usage = new() { InputTokenCount = tokens, TotalTokenCount = tokens },
        };
    }

    /// <summary>The generator, the model, its tokenizer, or <see cref="EmbeddingGeneratorMetadata"/>.</summary>
    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null) => ClientServices.Find(this, _metadata, _model, serviceType, serviceKey);

    /// <summary>Does nothing: the model is the caller's.</summary>
    public void Dispose()
    {
    }

    private static Pooling? PoolingOf(AdditionalPropertiesDictionary? properties)
    {
        Pooling? pooling = null;
        foreach ((string name, object? value) in properties ?? [])
        {
            if (!name.Equals(PoolingName, StringComparison.OrdinalIgnoreCase))
                throw new NotSupportedException($"EmbeddingGenerationOptions.AdditionalProperties has '{name}', which is not known; known is {PoolingName}.");
            pooling = value switch
            {
                null => null,
                Pooling own => own,
                _ => value.ToString()!.ToUpperInvariant() switch
                {
                    "MEAN" => Pooling.Mean,
                    "LAST" => Pooling.Last,
                    "CLS" => Pooling.Cls,
                    _ => throw new ArgumentException($"EmbeddingGenerationOptions.AdditionalProperties: '{name}' is none of mean, last and cls."),
                },
            };
        }
        return pooling;
    }
}
