using System.Text.Json.Nodes;

namespace MeKi.Model.Templates;

/// <summary>What a <see cref="ChatTemplate"/> makes text of: the JSON that Hugging Face's <c>apply_chat_template</c> and chat APIs take.</summary>
public sealed record ChatTemplateInput
{
    /// <summary>The conversation: objects with <c>role</c> and <c>content</c> (text, parts such as <c>{"type": "text", "text": "…"}</c>, or null), and what
    /// else the template knows: <c>tool_calls</c> with arguments as objects, <c>reasoning_content</c>, <c>name</c>, <c>tool_call_id</c>. May be empty.
    /// </summary>
    public required JsonArray Messages { get; init; }

    /// <summary>The tools that the model may call: objects with <c>type</c> and <c>function</c>. Null for none.</summary>
    public JsonArray? Tools { get; init; }

    /// <summary>Documents to answer from, for templates that know them. Null for none.</summary>
    public JsonArray? Documents { get; init; }

    /// <summary>Whether the text ends with what begins the model's answer.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>Variables of the template's own, such as <c>enable_thinking</c>; they go before <see cref="ChatTemplate.SpecialTokens"/>. Null for none.
    /// </summary>
    public JsonObject? Variables { get; init; }

    /// <summary>What time it is, and in which zone, for templates that tell the model today's date.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
