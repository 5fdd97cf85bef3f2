using System.Text.Json.Nodes;
using MeKi.Model.Generation;
using MeKi.Model.Templates;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Chat;

/// <summary>
/// What a model is asked: the conversation so far, the tools it may call, and how it is to answer. It holds no state: the next turn brings all messages again,
/// and what of them was computed before is not computed again.
/// </summary>
public sealed record ChatRequest
{
    /// <summary>The conversation. Texts, reasoning, function calls and their results are read; other contents are refused
    /// (<see cref="NotSupportedException"/>).</summary>
    public required IEnumerable<ChatMessage> Messages { get; init; }

    /// <summary>The functions that the model may call.</summary>
    public IEnumerable<AITool> Tools { get; init; } = [];

    /// <summary>Whether it must call one, may (null, too), or must not, though it is told of them.</summary>
    public ChatToolMode? ToolMode { get; init; }

    /// <summary>Whether it may call several before it hears of their results.</summary>
    public bool AllowMultipleToolCalls { get; init; } = true;

    /// <summary>What the answer is: text (null, too), a JSON object, or JSON of a schema. Reasoning and calls of tools are free of it.</summary>
    public ChatResponseFormat? ResponseFormat { get; init; }

    /// <summary>How much the model thinks before it answers, where its template lets one choose; null for the template's own default.
    /// <see cref="ReasoningEffort.None"/> also closes reasoning that the template opens.</summary>
    public ReasoningEffort? Effort { get; init; }

    /// <summary>Variables of the template, such as <c>enable_thinking</c>; they go before what <see cref="Effort"/> sets. Null for none.</summary>
    public JsonObject? Variables { get; init; }

    /// <summary>What makes text of the messages; null for the model's own.</summary>
    public ChatTemplate? Template { get; init; }

    /// <summary>How tokens are chosen. Null: as the model's files say, up to the end of its context.</summary>
    public GenerationOptions? Options { get; init; }
}
