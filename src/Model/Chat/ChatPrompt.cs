using System.Text.Json.Nodes;
using MeKi.Model.Replies;
using MeKi.Model.Templates;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Chat;

/// <summary>A request as the text that the model continues, and how its reply is read.</summary>
/// <param name="Text">The prompt.</param>
/// <param name="Format">How the model writes reasoning and, where it was told of tools, calls.</param>
/// <param name="Template">What made the text.</param>
internal sealed record ChatPrompt(string Text, ReplyFormat Format, ChatTemplate Template)
{
    private const string System = "system", Developer = "developer";

    /// <summary>Renders a request.</summary>
    /// <param name="own">The model's template.</param>
    /// <param name="request">The request.</param>
    /// <exception cref="ChatTemplateException">The template refuses the messages.</exception>
    /// <exception cref="NotSupportedException">The model cannot be told what the request has.</exception>
    public static ChatPrompt Of(ChatTemplate own, ChatRequest request)
    {
        ChatTemplate template = request.Template ?? own;
        JsonArray? tools = ChatJson.Of(request.Tools);
        if (tools is not null && template.Variants.TryGetValue(ChatTemplate.ToolUse, out ChatTemplate? forTools))
            template = forTools;
        if (tools is not null && !Mentions(template, "tools"))
            throw new NotSupportedException("The model's chat template has no place for tools: the model cannot be told of any.");
        ReplyFormat format = ReplyFormat.FromTemplate(template.Source);
        JsonArray messages = ChatJson.Of(request.Messages);
        foreach (JsonNode? message in messages)
        {
            // OpenAI's name for what instructs the model.
            if ((string?)message!["role"] == Developer && !Mentions(template, Developer))
                message["role"] = System;
        }
        string text = Rendered(template, new() { Messages = messages, Tools = tools, Variables = Variables(template, format, request) });
        if (request.Effort == ReasoningEffort.None && format.OpenAtEnd(text) is { } open)
            text += $"{(text.EndsWith('\n') ? "" : "\n")}\n{open.Closes[0]}\n\n";
        return new(text, tools is null ? format.WithoutCalls() : format, template);
    }

    private static bool Mentions(ChatTemplate template, string name) => template.Source.Contains(name, StringComparison.Ordinal);

    private static string Rendered(ChatTemplate template, ChatTemplateInput input)
    {
        try
        {
            return template.Render(input);
        }
        catch (ChatTemplateException refusal) when (refusal.RaisedMessage is not null && WithoutSystem(input.Messages) is { } messages)
        {
            // Some models know no system message: users tell them what it says.
            try
            {
                return template.Render(input with { Messages = messages });
            }
            catch (ChatTemplateException)
            {
                throw refusal;
            }
        }
    }

    private static JsonArray? WithoutSystem(JsonArray messages)
    {
        if (messages.Count < 2 || (string?)messages[0]!["role"] != System || (string?)messages[1]!["role"] != "user")
            return null;
        JsonArray joined = [.. messages.Skip(1).Select(message => message!.DeepClone())];
        joined[0]!["content"] = $"{messages[0]!["content"]}\n\n{joined[0]!["content"]}";
        return joined;
    }

    /// <summary>What templates call the choice of reasoning.</summary>
    private static JsonObject Variables(ChatTemplate template, ReplyFormat format, ChatRequest request)
    {
        JsonObject variables = [];
        if (request.Effort is { } effort)
        {
            bool thinks = effort != ReasoningEffort.None;
            if (thinks && !format.Reasons && !Mentions(template, "reasoning_effort"))
                throw new NotSupportedException($"The reasoning effort {effort} cannot be met: the model's chat template knows no reasoning.");
            variables["enable_thinking"] = thinks;
            variables["thinking"] = thinks;
            variables["reasoning_effort"] = effort switch
            {
                ReasoningEffort.None or ReasoningEffort.Low => "low",
                ReasoningEffort.Medium => "medium",
                _ => "high",
            };
        }
        foreach ((string name, JsonNode? value) in request.Variables ?? [])
            variables[name] = value?.DeepClone();
        return variables;
    }
}
