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
    private const int MostMessages = 1 << 14, MostTools = 512, MostTopLogprobs = 20;

    private static readonly string[] Roles = ["system", "developer", "user", "assistant", "tool"];

    public static ChatFields Read(RequestFields fields, ServedModel served)
    {
        served.CheckName(fields);
        (JsonElement Value, string Path)[] messages = fields.List("messages", MostMessages) ?? throw fields.Missing("messages");
        if (messages.Length == 0)
            throw ApiException.Invalid("messages", "'messages' is empty.");
        (JsonElement Value, string Path)[] tools = fields.List("tools", MostTools) ?? [];
        ChatResponseFormatJson? format = ResponseFormat.Read(fields);
        Grammar? grammar = SamplingFields.OwnGrammar(fields, served.Grammars);
        if (format is not null && grammar is not null)
            throw ApiException.Invalid("response_format", "'response_format' and another say what the answer must be: choose one.");
        bool logs = fields.Flag("logprobs") ?? false;
        int? top = fields.Whole("top_logprobs", 0, MostTopLogprobs);
        if (top is not null && !logs)
            throw ApiException.Invalid("top_logprobs", "'top_logprobs' needs 'logprobs' to be true.");
        int? asked = fields.Whole(fields.NameOf("max_completion_tokens", "max_tokens", "n_predict"), 1);
        (AITool[] offered, ChatToolMode? mode) = Tools(fields, tools);
        return new(
            new()
            {
                Messages = [.. messages.Select(each => Message(RequestFields.Of(each.Value, each.Path)))],
                Tools = offered,
                ToolMode = mode,
                AllowMultipleToolCalls = fields.Flag("parallel_tool_calls") ?? true,
                ResponseFormat = format,
                Effort = Effort(fields),
                Variables = fields.Find("chat_template_kwargs") is { } variables
                    ? JsonObject.Create(variables) ?? throw RequestFields.Wrong("chat_template_kwargs", "an object", variables) : null,
                Options = SamplingFields.Read(fields, served.Tokenizer.VocabularySize) with
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

    private static ChatMessage Message(RequestFields fields)
    {
        string role = fields.RequiredText("role");
        if (!Roles.Contains(role))
            throw ApiException.Invalid(fields.PathOf("role"), $"There is no role '{UntrustedText.Line(role, 40)}': {string.Join(", ", Roles)}.");
        List<AIContent> contents = [];
        if (role == "assistant" && fields.Text("reasoning_content") is { Length: > 0 } thought)
            contents.Add(new TextReasoningContent(thought));
        string? text = Content(fields);
        (JsonElement Value, string Path)[] calls = role == "assistant" ? fields.List("tool_calls", MostTools) ?? [] : [];
        if (text is null && calls.Length == 0 && role != "assistant")
            throw fields.Missing("content");
        if (role == "tool")
            contents.Add(new FunctionResultContent(fields.RequiredText("tool_call_id"), text));
        else if (text is not null)
            contents.Add(new TextContent(text));
        foreach ((JsonElement value, string path) in calls)
        {
            RequestFields call = RequestFields.Of(value, path), function = call.Object("function") ?? throw call.Missing("function");
            contents.Add(new FunctionCallContent(call.Text("id") ?? "", function.RequiredText("name"), Arguments(function)));
        }
        return new(new(role), contents) { AuthorName = fields.Text("name") };
    }

    private static string? Content(RequestFields fields)
    {
        if (fields.Find("content") is not { } content)
            return null;
        if (content.ValueKind == JsonValueKind.String)
            return RequestFields.Text(content, fields.PathOf("content"));
        StringBuilder text = new();
        foreach ((JsonElement value, string path) in fields.List("content", MostMessages)!)
        {
            RequestFields part = RequestFields.Of(value, path);
            string type = part.RequiredText("type");
            if (type is not ("text" or "input_text" or "output_text" or "refusal"))
                throw ApiException.Invalid(part.PathOf("type"), $"A content of type '{UntrustedText.Line(type, 40)}' cannot be read: this model reads text.");
            text.Append(part.RequiredText(type == "refusal" ? "refusal" : "text"));
        }
        return text.ToString();
    }

    private static Dictionary<string, object?> Arguments(RequestFields function)
    {
        if (function.Find("arguments") is not { } arguments)
            return [];
        if (arguments.ValueKind == JsonValueKind.Object)
            return arguments.EnumerateObject().ToDictionary(each => each.Name, each => (object?)each.Value.Clone());
        string text = RequestFields.Text(arguments, function.PathOf("arguments"));
        try
        {
            using JsonDocument json = JsonDocument.Parse(text.Length == 0 ? "{}" : text);
            Dictionary<string, object?> read = [];
            foreach (JsonProperty each in json.RootElement.EnumerateObject())
                read[each.Name] = each.Value.Clone();
            return read;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            throw ApiException.Invalid(function.PathOf("arguments"), $"'{function.PathOf("arguments")}' is no JSON object.");
        }
    }

    private static (AITool[] Tools, ChatToolMode? Mode) Tools(RequestFields fields, (JsonElement Value, string Path)[] tools)
    {
        List<AITool> offered = [];
        foreach ((JsonElement value, string path) in tools)
        {
            RequestFields tool = RequestFields.Of(value, path);
            if (tool.RequiredText("type") is not "function")
                throw ApiException.Invalid(tool.PathOf("type"), $"'{tool.PathOf("type")}' must be function: a model calls functions.");
            RequestFields function = tool.Object("function") ?? tool;
            string name = function.RequiredText("name");
            if (offered.Any(each => each.Name == name))
                throw ApiException.Invalid(function.PathOf("name"), $"The function '{UntrustedText.Line(name, 80)}' is offered twice.");
            function.Object("parameters");
            offered.Add(AIFunctionFactory.CreateDeclaration(name, function.Text("description") ?? "",
                function.Find("parameters")?.Clone() ?? NoParameters));
        }
        if (fields.Find("tool_choice") is not { } choice)
            return ([.. offered], null);
        if (choice.ValueKind == JsonValueKind.Object)
        {
            RequestFields chosen = RequestFields.Of(choice, "tool_choice");
            string name = (chosen.Object("function") ?? chosen).RequiredText("name");
            return offered.Any(each => each.Name == name) ? ([.. offered], ChatToolMode.RequireSpecific(name))
                : throw ApiException.Invalid("tool_choice", $"The function '{UntrustedText.Line(name, 80)}' is not offered in 'tools'.");
        }
        return RequestFields.Text(choice, "tool_choice") switch
        {
            "auto" => ([.. offered], ChatToolMode.Auto),
            "none" => ([.. offered], ChatToolMode.None),
            "required" when offered.Count > 0 => ([.. offered], ChatToolMode.RequireAny),
            _ => throw ApiException.Invalid("tool_choice", "'tool_choice' must be none, auto, required or a function of 'tools'."),
        };
    }

    private static readonly JsonElement NoParameters = JsonElement.Parse("""{"type":"object","properties":{}}""");

    private static ReasoningEffort? Effort(RequestFields fields) => fields.Text("reasoning_effort") switch
    {
        null => null,
        "none" or "minimal" => ReasoningEffort.None,
        "low" => ReasoningEffort.Low,
        "medium" => ReasoningEffort.Medium,
        "high" => ReasoningEffort.High,
        "xhigh" => ReasoningEffort.ExtraHigh,
        _ => throw ApiException.Invalid("reasoning_effort", "'reasoning_effort' must be none, minimal, low, medium, high or xhigh."),
    };
}
