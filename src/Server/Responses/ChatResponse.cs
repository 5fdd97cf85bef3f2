using System.Text.Json.Serialization;

namespace MeKi.Server.Responses;

/// <summary>The answer of <c>/v1/chat/completions</c>, or a part of it.</summary>
internal sealed record ChatResponse(
    string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<ChatChoice> Choices, Usage? Usage, Timings? Timings);

/// <summary>One answer, or a piece of it.</summary>
internal sealed record ChatChoice(
    int Index,
    ChatAnswer? Message,
    ChatText? Delta,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] ChatLogprobs? Logprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FinishReason);

/// <summary>What the model said.</summary>
internal sealed record ChatAnswer(
    string Role,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Content,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Refusal,
    string? ReasoningContent,
    IReadOnlyList<ChatCall>? ToolCalls);

/// <summary>A piece of what the model says.</summary>
internal sealed record ChatText(string? Role, string? Content, string? ReasoningContent = null, IReadOnlyList<ChatCall>? ToolCalls = null);

/// <summary>A call of a function. The index counts the calls of a stream.</summary>
internal sealed record ChatCall(int? Index, string Id, string Type, ChatFunction Function);

/// <summary>The function and its arguments, which are JSON.</summary>
internal sealed record ChatFunction(string Name, string Arguments);

/// <summary>Log-probabilities of an answer's tokens.</summary>
internal sealed record ChatLogprobs(IReadOnlyList<TokenLog> Content);

/// <summary>A token, its log-probability, and the likeliest at its place.</summary>
internal sealed record TokenLog(string Token, double Logprob, IReadOnlyList<int>? Bytes, IReadOnlyList<TokenLog>? TopLogprobs);
