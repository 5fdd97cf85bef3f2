using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace MeKi.Model.Chat;

/// <summary>Messages and tools as the JSON that chat templates and chat APIs speak (<see cref="Templates.ChatTemplateInput"/>), and back.</summary>
internal static class ChatJson
{
    private static readonly JsonSerializerOptions s_compact = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    /// <summary>Messages as a template takes them: arguments and schemas as objects.</summary>
    /// <exception cref="NotSupportedException">A message has contents that no text model reads.</exception>
    public static JsonArray Of(IEnumerable<ChatMessage> messages) => [.. messages.SelectMany(Of)];

    /// <summary>The functions among some tools; null where there are none.</summary>
    /// <exception cref="NotSupportedException">A tool is none that a model on this machine could call.</exception>
    public static JsonArray? Of(IEnumerable<AITool>? tools)
    {
        JsonArray functions = [];
        foreach (AITool tool in tools ?? [])
        {
            if (tool is not AIFunctionDeclaration function)
                throw new NotSupportedException($"The tool '{tool.Name}' is no function: a model on this machine calls functions.");
            functions.Add((JsonNode)new JsonObject
            {
                ["type"] = "function",
                ["function"] = new JsonObject
                {
                    ["name"] = function.Name,
                    ["description"] = function.Description,
                    ["parameters"] = JsonObject.Create(function.JsonSchema),
                },
            });
        }
        return functions.Count == 0 ? null : functions;
    }

    /// <summary>The message that such JSON stands for.</summary>
    /// <param name="json">An object with a role.</param>
    /// <exception cref="JsonException">It is none.</exception>
    public static ChatMessage Read(JsonNode? json)
    {
        if (json is not JsonObject message || Text(message["role"]) is not { } role)
            throw new JsonException("a message is no object with a role");
        List<AIContent> contents = [];
        if (Text(message["reasoning_content"]) is { } thought)
            contents.Add(new TextReasoningContent(thought));
        string? text = Text(message["content"]);
        if (role == "tool")
            contents.Add(new FunctionResultContent(Text(message["tool_call_id"]) ?? "", text));
        else if (text is not null)
            contents.Add(new TextContent(text));
        foreach (JsonNode? call in message["tool_calls"] as JsonArray ?? [])
        {
            if (call is not JsonObject || call["function"] is not JsonObject function || Text(function["name"]) is not { } name)
                throw new JsonException("a tool call has no function with a name");
            contents.Add(new FunctionCallContent(Text(call["id"]) ?? "", name, Arguments((function["arguments"] as JsonObject)?.ToJsonString() ?? "{}")));
        }
        return new(new(role), contents) { AuthorName = Text(message["name"]) };
    }

    /// <summary>A call's arguments by name.</summary>
    /// <param name="json">A JSON object.</param>
    public static Dictionary<string, object?> Arguments(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.EnumerateObject().ToDictionary(each => each.Name, each => (object?)each.Value.Clone());
    }

    private static IEnumerable<JsonNode> Of(ChatMessage message)
    {
        // Each result is a message of its own.
        foreach (FunctionResultContent result in message.Contents.OfType<FunctionResultContent>())
        {
            yield return new JsonObject
            {
                ["role"] = "tool",
                ["tool_call_id"] = result.CallId,
                ["content"] = result.Exception is { } failure ? $"Error: {failure.Message}" : Value(result.Result) is var value && Text(value) is { } text
                    ? text : Json(value),
            };
        }
        if (message.Contents.Count > 0 && message.Contents.All(content => content is FunctionResultContent))
            yield break;
        JsonObject json = new() { ["role"] = message.Role.Value, ["content"] = Text(message) };
        if (message.AuthorName is { } author)
            json["name"] = author;
        string thought = string.Concat(message.Contents.OfType<TextReasoningContent>().Select(content => content.Text));
        if (thought.Length > 0)
            json["reasoning_content"] = thought;
        JsonArray calls = [.. message.Contents.OfType<FunctionCallContent>().Select(call => (JsonNode)new JsonObject
        {
            ["type"] = "function",
            ["id"] = call.CallId,
            ["function"] = new JsonObject
            {
                ["name"] = call.Name,
                ["arguments"] = new JsonObject((call.Arguments ?? new Dictionary<string, object?>())
                    .Select(each => KeyValuePair.Create(each.Key, Value(each.Value)))),
            },
        })];
        if (calls.Count > 0)
            json["tool_calls"] = calls;
        yield return json;
    }

    private static string Text(ChatMessage message)
    {
        AIContent? foreign = message.Contents.FirstOrDefault(content =>
            content is not (TextContent or TextReasoningContent or FunctionCallContent or FunctionResultContent or UsageContent));
        return foreign is null ? message.Text : throw new NotSupportedException($"A message has {foreign.GetType().Name}, which this model does not read.");
    }

    /// <summary>A value as JSON.</summary>
    public static JsonNode? Value(object? value) => value switch
    {
        null => null,
        JsonNode node => node.DeepClone(),
        JsonElement element => JsonNode.Parse(element.GetRawText()),
        string text => JsonValue.Create(text),
        bool flag => JsonValue.Create(flag),
        int number => JsonValue.Create(number),
        long number => JsonValue.Create(number),
        float number => JsonValue.Create(number),
        double number => JsonValue.Create(number),
        decimal number => JsonValue.Create(number),
        _ => JsonSerializer.SerializeToNode(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType())),
    };

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static string Json(JsonNode? node) => node?.ToJsonString(s_compact) ?? "null";
}
