using System.Text.Json;
using MeKi.Model.Chat;
using MeKi.Model.Grammars;
using MeKi.Server.Errors;
using MeKi.Server.Responses;
using Microsoft.Extensions.AI;

namespace MeKi.Server.Requests;

/// <summary>A request to <c>/v1/responses</c>. The server keeps no responses: what asks for an earlier one, or to be kept, is refused.</summary>
/// <param name="Request">What the model is asked.</param>
/// <param name="Frame">The answer but for what the model gives.</param>
/// <param name="IsStream">Whether it comes in events.</param>
internal sealed record ResponsesRequest(ChatRequest Request, ModelResponse Frame, bool IsStream)
{
    private static readonly string[] Roles = ["system", "developer", "user", "assistant"];

    private static readonly JsonElement Auto = JsonElement.Parse("\"auto\""), None = JsonElement.Parse("[]"), NoObject = JsonElement.Parse("{}"),
        PlainText = JsonElement.Parse("""{"format":{"type":"text"}}""");

    public static ResponsesRequest Read(RequestFields fields, ServedModel served)
    {
        served.CheckName(fields);
        RefuseState(fields);
        string? instructions = fields.Text("instructions");
        List<ChatMessage> messages = ResponseItems.Read(fields);
        if (instructions is { Length: > 0 })
            messages.Insert(0, new(ChatRole.System, instructions));
        RequestFields? text = fields.Object("text"), reasoning = fields.Object("reasoning");
        if (reasoning?.Text("summary") is not (null or "auto") and var summary)
        {
            throw ApiException.Invalid("reasoning.summary",
                $"Nobody makes summaries '{UntrustedText.Line(summary, 40)}': reasoning comes whole, as the content of its item.");
        }
        ChatResponseFormatJson? format = ResponseFormat.Read(text?.Object("format"));
        Grammar? grammar = SamplingFields.OwnGrammar(fields, served.Grammars);
        if (format is not null && grammar is not null)
            throw ApiException.Invalid("text.format", "'text.format' and another say what the answer must be: choose one.");
        (AITool[] offered, ChatToolMode? mode) = ToolFields.Read(fields);
        int? most = fields.Whole("max_output_tokens", 1), top = fields.Whole("top_logprobs", 0, ChatFields.MostTopLogprobs);
        bool parallel = fields.Flag("parallel_tool_calls") ?? true, logs = Includes(fields);
        ChatRequest request = new()
        {
            Messages = messages,
            Tools = offered,
            ToolMode = mode,
            AllowMultipleToolCalls = parallel,
            ResponseFormat = format,
            Template = served.Options.ChatTemplate,
            Effort = reasoning is { } thinking ? ToolFields.Effort(thinking, "effort") : null,
            Variables = ChatFields.Variables(fields),
            Options = SamplingFields.Read(fields, served) with
            {
                MaxTokens = served.MostTokens(most),
                Grammar = grammar,
                LogProbabilities = logs || top is not null ? top ?? 0 : null,
            },
        };
        ModelResponse frame = new($"resp_{Guid.NewGuid():N}", "response", DateTimeOffset.UtcNow.ToUnixTimeSeconds(), "in_progress", null, null, instructions,
            most, served.Name, [], parallel, null, Echo(fields, "reasoning", NoObject), false, fields.Number("temperature", 0, float.MaxValue),
            Echo(fields, "text", PlainText), Echo(fields, "tool_choice", Auto), Echo(fields, "tools", None), fields.Number("top_p", 0, 1), "disabled", null,
            Echo(fields, "metadata", NoObject));
        return new(request, frame, fields.Flag("stream") ?? false);
    }

    // The document ends before the answer does.
    private static JsonElement Echo(RequestFields fields, string name, JsonElement absent) => fields.Find(name)?.Clone() ?? absent;

    private static void RefuseState(RequestFields fields)
    {
        Refuse("previous_response_id", "This server keeps no responses: send the items of the earlier ones with 'input'.");
        Refuse("conversation", "This server keeps no conversations: send all items with 'input'.");
        Refuse("prompt", "This server keeps no prompts: send 'instructions' and 'input'.");
        if (fields.Flag("store") == true)
            throw Unsupported("store", "This server keeps no responses: leave 'store' out, or say false.");
        if (fields.Flag("background") == true)
            throw Unsupported("background", "This server answers at once and keeps no responses: leave 'background' out, or say false.");
        if (fields.Text("truncation") is not (null or "disabled"))
            throw Unsupported("truncation", "This server leaves nothing out of what it is sent: 'truncation' is disabled.");

        void Refuse(string name, string why)
        {
            if (fields.Find(name) is not null)
                throw Unsupported(name, why);
        }
    }

    // Reasoning is not encrypted here: its text is in the item, so that asking for the encrypted form asks for no more.
    private static bool Includes(RequestFields fields)
    {
        bool logs = false;
        foreach ((JsonElement value, string path) in fields.List("include", 64) ?? [])
        {
            string name = RequestFields.Text(value, path);
            if (name is not ("message.output_text.logprobs" or "reasoning.encrypted_content"))
                throw Unsupported(path, $"'{UntrustedText.Line(name, 60)}' cannot be included: this server has none.");
            logs |= name[0] == 'm';
        }
        return logs;
    }

    private static ApiException Unsupported(string parameter, string message) =>
        new(StatusCodes.Status400BadRequest, message, parameter, "unsupported_parameter");

    /// <summary><c>input</c>: a text, or a conversation in items.</summary>
    private static class ResponseItems
    {
        public static List<ChatMessage> Read(RequestFields fields)
        {
            JsonElement input = fields.Find("input") ?? throw fields.Missing("input");
            if (input.ValueKind == JsonValueKind.String)
                return [new(ChatRole.User, RequestFields.Text(input, "input"))];
            List<ChatMessage> messages = [];
            foreach ((JsonElement value, string path) in fields.List("input", ChatFields.MostMessages)!)
                Add(messages, RequestFields.Of(value, path));
            return messages.Count > 0 ? messages : throw ApiException.Invalid("input", "'input' is empty.");
        }

        private static void Add(List<ChatMessage> messages, RequestFields item)
        {
            string type = item.Text("type") ?? "message";
            switch (type)
            {
                case "message":
                    string role = item.RequiredText("role");
                    if (!Roles.Contains(role))
                        throw ApiException.Invalid(item.PathOf("role"), $"There is no role '{UntrustedText.Line(role, 40)}': {string.Join(", ", Roles)}.");
                    TextContent text = new(ChatFields.Content(item) ?? throw item.Missing("content"));
                    if (role == "assistant")
                        Turn(messages, follows: content => content is TextReasoningContent).Contents.Add(text);
                    else
                        messages.Add(new(new(role), [text]));
                    break;
                case "reasoning":
                    if (Thought(item) is { Length: > 0 } thought)
                        Turn(messages, follows: content => content is TextReasoningContent).Contents.Add(new TextReasoningContent(thought));
                    break;
                case "function_call":
                    Turn(messages, follows: _ => true).Contents.Add(
                        new FunctionCallContent(item.RequiredText("call_id"), item.RequiredText("name"), ToolFields.Arguments(item)));
                    break;
                case "function_call_output":
                    string result = ChatFields.Content(item, "output") ?? throw item.Missing("output");
                    messages.Add(new(ChatRole.Tool, [new FunctionResultContent(item.RequiredText("call_id"), result)]));
                    break;
                default:
                    throw ApiException.Invalid(item.PathOf("type"),
                        $"An item of type '{UntrustedText.Line(type, 40)}' cannot be read: message, reasoning, function_call, function_call_output.");
            }
        }

        // What a model thought, said and called at one time is one message.
        private static ChatMessage Turn(List<ChatMessage> messages, Func<AIContent, bool> follows)
        {
            if (messages is not [.., { } last] || last.Role != ChatRole.Assistant || !last.Contents.All(follows))
                messages.Add(last = new(ChatRole.Assistant, (IList<AIContent>)[]));
            return last;
        }

        private static string Thought(RequestFields item) => string.Concat(
            (item.List("content", ChatFields.MostMessages) ?? item.List("summary", ChatFields.MostMessages) ?? [])
            .Select(each => RequestFields.Of(each.Value, each.Path).RequiredText("text")));
    }
}
