using System.Text.Json;
using System.Text.Json.Serialization;

namespace MeKi.Server.Responses;

/// <summary>The answer of <c>/v1/responses</c>.</summary>
internal sealed record ModelResponse(
    string Id,
    string Object,
    long CreatedAt,
    string Status,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] ResponseProblem? Error,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] IncompleteDetails? IncompleteDetails,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Instructions,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] int? MaxOutputTokens,
    string Model,
    IReadOnlyList<OutputItem> Output,
    bool ParallelToolCalls,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? PreviousResponseId,
    JsonElement? Reasoning,
    bool Store,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] float? Temperature,
    JsonElement? Text,
    JsonElement ToolChoice,
    JsonElement Tools,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] float? TopP,
    string Truncation,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] ResponseUsage? Usage,
    JsonElement? Metadata);

/// <summary>Why a response failed.</summary>
internal sealed record ResponseProblem(string Code, string Message);

/// <summary>Why a response is not whole.</summary>
internal sealed record IncompleteDetails(string Reason);

/// <summary>Something that the model said, thought or called.</summary>
internal sealed record OutputItem(
    string Type,
    string Id,
    string Status,
    string? Role = null,
    IReadOnlyList<OutputPart>? Content = null,
    IReadOnlyList<OutputPart>? Summary = null,
    string? CallId = null,
    string? Name = null,
    string? Arguments = null);

/// <summary>A text of an item.</summary>
internal sealed record OutputPart(string Type, string Text, IReadOnlyList<string>? Annotations = null, IReadOnlyList<TokenLog>? Logprobs = null);

/// <summary>Tokens of a response.</summary>
internal sealed record ResponseUsage(
    int InputTokens, InputTokensDetails InputTokensDetails, int OutputTokens, CompletionTokensDetails OutputTokensDetails, int TotalTokens);

/// <summary>Of the tokens that were read, those that were computed before.</summary>
internal sealed record InputTokensDetails(int CachedTokens);

/// <summary>An event of a response's stream; which members there are follows from its type.</summary>
internal sealed record ResponseEvent(string Type, int SequenceNumber)
{
    public ModelResponse? Response { get; init; }

    public int? OutputIndex { get; init; }

    public string? ItemId { get; init; }

    public int? ContentIndex { get; init; }

    public OutputItem? Item { get; init; }

    public OutputPart? Part { get; init; }

    public string? Delta { get; init; }

    public string? Text { get; init; }

    public string? Name { get; init; }

    public string? Arguments { get; init; }

    public IReadOnlyList<TokenLog>? Logprobs { get; init; }

    public string? Code { get; init; }

    public string? Message { get; init; }

    public string? Param { get; init; }
}
