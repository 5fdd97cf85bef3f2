using System.Text.Json.Nodes;
using MeKi.Model;
using MeKi.Model.Adapters;
using MeKi.Model.Generation;

namespace MeKi.Soak;

/// <summary>Something to generate, which follows from its number: a prompt, adapters, samplers with a seed. Its result is always the same.</summary>
/// <param name="Number">The number.</param>
internal sealed record Scenario(int Number)
{
    public const int Count = 160;

    private const int MostTokens = 40;

    public int[] Prompt
    {
        get
        {
            Random random = new(Number);
            // Some begin alike, and some are longer than a page of keys and values.
            int[] shared = [.. Enumerable.Range(0, Number % 3 == 0 ? 280 : 20).Select(i => (i * 7 + Number % 5) % 200)];
            return [.. shared, .. Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.Next(200))];
        }
    }

    public IReadOnlyList<AdapterChoice> Adapters => (Number % 5) switch
    {
        0 => [],
        1 => [new("one")],
        2 => [new("two", 0.5f)],
        3 => [new("one", 0.25f), new("three")],
        _ => [new("three", -0.5f)],
    };

    public GenerationOptions Options => new()
    {
        MaxTokens = 1 + Number * 13 % MostTokens,
        Seed = Number,
        Temperature = Number % 4 == 0 ? 0 : 0.9f,
        TopK = Number % 2 == 0 ? 40 : null,
        Adapters = Adapters,
        PromptLookup = Number % 7 == 0 ? 3 : 0,
    };

    public (string Path, string Body) Request
    {
        get
        {
            JsonArray prompt = [.. Prompt.Select(id => (JsonNode)id)];
            JsonObject body = new() { ["max_tokens"] = Options.MaxTokens, ["seed"] = Number, ["temperature"] = 0.8, ["stream"] = Number % 2 == 0 };
            switch (Number % 4)
            {
                case 0 or 1:
                    body["prompt"] = prompt;
                    return ("/v1/completions", body.ToJsonString());
                case 2:
                    body["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = $"bace di {Number} ko" });
                    return ("/v1/chat/completions", body.ToJsonString());
                default:
                    return ("/v1/embeddings", new JsonObject { ["input"] = new JsonArray($"ba {Number}", "ce di") }.ToJsonString());
            }
        }
    }

    /// <summary>The tokens, from a session or from the model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="stopAfter">How many to take before leaving; null for all.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<string> RunAsync(MeKiModel model, int? stopAfter = null, CancellationToken cancellationToken = default)
    {
        List<int> ids = [];
        using MeKiSession? session = Number % 2 == 0 ? model.CreateSession(Adapters) : null;
        TextGeneration generation = session?.GenerateAsync(Prompt, Options, cancellationToken: cancellationToken)
            ?? model.GenerateAsync(Prompt, Options, cancellationToken: cancellationToken);
        await foreach (TextPiece piece in generation.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            ids.AddRange(piece.Tokens.Select(token => token.Id));
            if (ids.Count >= stopAfter)
                break;
        }
        return string.Join(' ', ids);
    }
}
