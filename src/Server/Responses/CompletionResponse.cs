using System.Text.Json.Serialization;

namespace MeKi.Server.Responses;

/// <summary>The answer of <c>/v1/completions</c>, or a part of it.</summary>
internal sealed record CompletionResponse(
    string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<CompletionChoice> Choices, Usage? Usage, Timings? Timings);

/// <summary>One continuation, or a piece of it.</summary>
internal sealed record CompletionChoice(
    int Index,
    string Text,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] CompletionLogprobs? Logprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FinishReason);

/// <summary>Log-probabilities of tokens, each at the same place of all four lists; null for the first of a prompt, which nothing predicts.</summary>
internal sealed record CompletionLogprobs(
    List<string> Tokens, List<double?> TokenLogprobs, List<Dictionary<string, double>?> TopLogprobs, List<int> TextOffset);
