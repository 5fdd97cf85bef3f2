using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeKi.Model.Chat;
using MeKi.Model.Grammars;
using MeKi.Server.Errors;
using Microsoft.Extensions.AI;

namespace MeKi.Server.Requests;

/// <summary>A request to <c>/v1/chat/completions</c>.</summary>
/// <param name="Request">What the model is asked.</param>
/// <param name="Choices">How many answers.</param>
/// <param name="IsStream">Whether they come in pieces.</param>
/// <param name="WantsUsage">Whether a stream ends with counts.</param>
/// <param name="WantsTimings">Whether each piece tells how fast it goes.</param>
internal sealed record ChatFields(ChatRequest Request, int Choices, bool IsStream, bool WantsUsage, bool WantsTimings)
{
    /// <summary>The most messages of a conversation, and parts of one.</summary>
    public const int MostMessages = 1 << 14;

    /// <summary>The most tokens that are told of beside each of an answer's.</summary>
    public const int MostTopLogprobs = 20;

    private const string Kwargs = "chat_template_kwargs";

    private static readonly string[] Roles = ["system", "developer", "user", "assistant", "tool"];

    public static ChatFields Read(RequestFields fields, ServedModel served)
    {
        served.CheckName(fields);
        RefuseForeign(fields);
        (JsonElement Value, string Path)[] messages = fields.List("messages", MostMessages) ?? throw fields.Missing("messages");
        if (messages.Length == 0)
            throw ApiException.Invalid("messages", "'messages' is empty.");
        ChatResponseFormatJson? format = ResponseFormat.Read(fields.Object("response_format"));
        Grammar? grammar = SamplingFields.OwnGrammar(fields, served.Grammars);
        if (format is not null && grammar is not null)
            throw ApiException.Invalid("response_format", "'response_format' and another say what the answer must be: choose one.");
        bool logs = fields.Flag("logprobs") ?? false;
        int? top = fields.Whole("top_logprobs", 0, MostTopLogprobs);
        if (top is not null && !logs)
            throw ApiException.Invalid("top_logprobs", "'top_logprobs' needs 'logprobs' to be true.");
        int? asked = fields.Whole(fields.NameOf("max_completion_tokens", "max_tokens", "n_predict"), 1);
        (AITool[] offered, ChatToolMode? mode) = ToolFields.Read(fields);
        return new(
            new()
            {
                Messages = [.. messages.Select(each => Message(RequestFields.Of(each.Value, each.Path)))],
                Tools = offered,
                ToolMode = mode,
                AllowMultipleToolCalls = fields.Flag("parallel_tool_calls") ?? true,
                ResponseFormat = format,
                Template = served.Options.ChatTemplate,
                Effort = ToolFields.Effort(fields, "reasoning_effort"),
                Variables = Variables(fields),
                Options = SamplingFields.Read(fields, served) with
                {
                    MaxTokens = served.MostTokens(asked),
                    LogProbabilities = logs ? top ?? 0 : null,
                    Grammar = grammar,
                },
            },
            fields.Whole("n", 1, CompletionRequest.MostSequences) ?? 1,
            fields.Flag("stream") ?? false,
            fields.Object("stream_options")?.Flag("include_usage") ?? false,
            fields.Flag("timings_per_token") ?? false);
    }

    /// <summary>Variables of the template; null for none.</summary>
    public static JsonObject? Variables(RequestFields fields) => fields.Object(Kwargs) is null ? null : JsonObject.Create(fields.Find(Kwargs)!.Value.Clone());

    // What would change an answer is not passed over.
    private static void RefuseForeign(RequestFields fields)
    {
        Refuse("functions", "'functions' is an old form: use 'tools'.");
        Refuse("function_call", "'function_call' is an old form: use 'tool_choice'.");
        Refuse("audio", "This model writes text.");
        Refuse("web_search_options", "This server does not search.");
        foreach ((JsonElement value, string path) in fields.List("modalities", ToolFields.Most) ?? [])
        {
            if (RequestFields.Text(value, path) != "text")
                throw ApiException.Invalid(path, "This model writes text.");
        }

        void Refuse(string name, string why)
        {
            if (fields.Find(name) is not null)
                throw new ApiException(StatusCodes.Status400BadRequest, why, name, "unsupported_parameter");
        }
    }

    private static ChatMessage Message(RequestFields fields)
    {
        string role = fields.RequiredText("role");
        if (!Roles.Contains(role))
            throw ApiException.Invalid(fields.PathOf("role"), $"There is no role '{UntrustedText.Line(role, 40)}': {string.Join(", ", Roles)}.");
        List<AIContent> contents = [];
        if (role == "assistant" && fields.Text("reasoning_content") is { Length: > 0 } thought)
            contents.Add(new TextReasoningContent(thought));
        string? text = Content(fields);
        (JsonElement Value, string Path)[] calls = role == "assistant" ? fields.List("tool_calls", ToolFields.Most) ?? [] : [];
        if (text is null && calls.Length == 0 && role != "assistant")
            throw fields.Missing("content");
        if (role == "tool")
            contents.Add(new FunctionResultContent(fields.RequiredText("tool_call_id"), text));
        else if (text is not null)
            contents.Add(new TextContent(text));
        foreach ((JsonElement value, string path) in calls)
        {
            RequestFields call = RequestFields.Of(value, path), function = call.Object("function") ?? throw call.Missing("function");
            contents.Add(new FunctionCallContent(call.Text("id") ?? "", function.RequiredText("name"), ToolFields.Arguments(function)));
        }
        return new(new(role), contents) { AuthorName = fields.Text("name") };
    }

    /// <summary>A text, or a list of texts; null where there is none.</summary>
    public static string? Content(RequestFields fields, string name = "content")
    {
        if (fields.Find(name) is not { } content)
            return null;
        if (content.ValueKind == JsonValueKind.String)
            return RequestFields.Text(content, fields.PathOf(name));
        StringBuilder text = new();
        foreach ((JsonElement value, string path) in fields.List(name, MostMessages)!)
        {
            RequestFields part = RequestFields.Of(value, path);
            string type = part.RequiredText("type");
            if (type is not ("text" or "input_text" or "output_text" or "refusal"))
                throw ApiException.Invalid(part.PathOf("type"), $"A content of type '{UntrustedText.Line(type, 40)}' cannot be read: this model reads text.");
            text.Append(part.RequiredText(type == "refusal" ? "refusal" : "text"));
        }
        return text.ToString();
    }
}
