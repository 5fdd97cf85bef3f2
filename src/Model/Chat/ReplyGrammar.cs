using System.Text.Json;
using MeKi.Model.Grammars;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Chat;

/// <summary>What a request lets a reply be: calls of tools that there are, an answer of a form, reasoning before either.</summary>
internal static class ReplyGrammar
{
    private const string Schema = "schema";

    private static readonly JsonElement s_object = JsonElement.Parse("""{ "type": "object" }""");

    /// <summary>The grammar of a reply; null where it may be any text.</summary>
    /// <exception cref="ArgumentException">The request contradicts itself.</exception>
    /// <exception cref="GrammarException">A schema cannot be enforced, or a tool cannot be called.</exception>
    /// <exception cref="NotSupportedException">The response format is of no known kind.</exception>
    public static Grammar? Of(LoadedModel model, ChatRequest request, ChatPrompt prompt)
    {
        JsonElement? form = FormOf(request.ResponseFormat);
        AIFunctionDeclaration[] tools = [.. request.Tools.OfType<AIFunctionDeclaration>()];
        if (request.Options?.Grammar is { } own)
        {
            return form is null && request.ToolMode is not RequiredChatToolMode ? own
                : throw new ArgumentException("A grammar says what the reply is, and so does a response format or a tool that must be called: give one.",
                    nameof(request));
        }
        bool isAny = request.ToolMode is NoneChatToolMode ? prompt.Format.Calls is null : tools.Length == 0 && request.ToolMode is not RequiredChatToolMode;
        if (isAny && form is null)
            return null;
        if (isAny && !prompt.Format.Reasons)
            return model.Chats.GrammarOf(Schema, form!.Value.GetRawText(), Grammar.FromJsonSchema);
        bool thinks = prompt.Format.OpensReasoning(prompt.Text);
        string mode = request.ToolMode switch
        {
            NoneChatToolMode => "none",
            RequiredChatToolMode { RequiredFunctionName: var name } => $"required {name}",
            _ => "auto",
        };
        string key = $"{mode} {request.AllowMultipleToolCalls} {thinks} {form?.GetRawText()} {ChatJson.Of(tools)?.ToJsonString()}";
        return model.Chats.GrammarOf(prompt.Template.Source, key,
            _ => Grammar.ForReply(prompt.Format, tools, isAny ? ChatToolMode.None : request.ToolMode, request.AllowMultipleToolCalls, thinks, form));
    }

    private static JsonElement? FormOf(ChatResponseFormat? format) => format switch
    {
        null or ChatResponseFormatText => null,
        ChatResponseFormatJson json => json.Schema ?? s_object,
        _ => throw new NotSupportedException($"The response format {format.GetType().Name} is not known; text and JSON are."),
    };
}
