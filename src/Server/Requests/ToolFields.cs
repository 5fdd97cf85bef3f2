using System.Text.Json;
using MeKi.Server.Errors;
using Microsoft.Extensions.AI;

namespace MeKi.Server.Requests;

/// <summary>The functions that a request offers, how the model may use them, and how much it is to think first.</summary>
internal static class ToolFields
{
    /// <summary>The most functions, and the most calls of a message.</summary>
    public const int Most = 512;

    private const string Choice = "tool_choice", Function = "function";

    private static readonly JsonElement NoParameters = JsonElement.Parse("""{"type":"object","properties":{}}""");

    /// <summary><c>tools</c> and <c>tool_choice</c>, in the form of chats or of responses.</summary>
    public static (AITool[] Tools, ChatToolMode? Mode) Read(RequestFields fields)
    {
        List<AITool> offered = [];
        HashSet<string> names = [];
        foreach ((JsonElement value, string path) in fields.List("tools", Most) ?? [])
        {
            RequestFields tool = RequestFields.Of(value, path);
            if (tool.RequiredText("type") is not Function and var type)
                throw ApiException.Invalid(tool.PathOf("type"), $"A tool of type '{UntrustedText.Line(type, 40)}' is not there: a model calls functions.");
            // Within an object of its own in chats.
            RequestFields function = tool.Object(Function) ?? tool;
            string name = function.RequiredText("name");
            if (name.Length == 0)
                throw ApiException.Invalid(function.PathOf("name"), $"'{function.PathOf("name")}' is empty.");
            if (!names.Add(name))
                throw ApiException.Invalid(function.PathOf("name"), $"The function '{UntrustedText.Line(name, 80)}' is offered twice.");
            function.Object("parameters");
            offered.Add(AIFunctionFactory.CreateDeclaration(name, function.Text("description") ?? "",
                function.Find("parameters")?.Clone() ?? NoParameters));
        }
        return ([.. offered], Mode(fields, names));
    }

    /// <summary>A call's arguments: the text of a JSON object, or the object itself.</summary>
    public static Dictionary<string, object?> Arguments(RequestFields function)
    {
        if (function.Find("arguments") is not { } arguments)
            return [];
        if (arguments.ValueKind == JsonValueKind.Object)
            return Members(arguments);
        string path = function.PathOf("arguments"), text = RequestFields.Text(arguments, path);
        try
        {
            using JsonDocument json = JsonDocument.Parse(text.Length == 0 ? "{}" : text);
            return Members(json.RootElement);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            throw ApiException.Invalid(path, $"'{path}' is no JSON object.");
        }
    }

    /// <summary>How much the model is to think; null for its own default.</summary>
    public static ReasoningEffort? Effort(RequestFields fields, string name) => fields.Text(name) switch
    {
        null => null,
        "none" or "minimal" => ReasoningEffort.None,
        "low" => ReasoningEffort.Low,
        "medium" => ReasoningEffort.Medium,
        "high" => ReasoningEffort.High,
        "xhigh" => ReasoningEffort.ExtraHigh,
        _ => throw ApiException.Invalid(fields.PathOf(name), $"'{fields.PathOf(name)}' must be none, minimal, low, medium, high or xhigh."),
    };

    private static ChatToolMode? Mode(RequestFields fields, HashSet<string> offered)
    {
        if (fields.Find(Choice) is not { } choice)
            return null;
        if (choice.ValueKind == JsonValueKind.Object)
        {
            RequestFields chosen = RequestFields.Of(choice, Choice);
            if (chosen.Text("type") is not (null or Function) and var type)
            {
                throw ApiException.Invalid(chosen.PathOf("type"),
                    $"'tool_choice' of type '{UntrustedText.Line(type, 40)}' is not there: none, auto, required or a function of 'tools'.");
            }
            string name = (chosen.Object(Function) ?? chosen).RequiredText("name");
            return offered.Contains(name) ? ChatToolMode.RequireSpecific(name)
                : throw ApiException.Invalid(Choice, $"The function '{UntrustedText.Line(name, 80)}' is not offered in 'tools'.");
        }
        return RequestFields.Text(choice, Choice) switch
        {
            "auto" => ChatToolMode.Auto,
            "none" => ChatToolMode.None,
            "required" when offered.Count > 0 => ChatToolMode.RequireAny,
            "required" => throw ApiException.Invalid(Choice, "'tool_choice' requires a call, and 'tools' offers no function."),
            _ => throw ApiException.Invalid(Choice, "'tool_choice' must be none, auto, required or a function of 'tools'."),
        };
    }

    // Of a name that stands there twice the last one counts, as everywhere in JSON.
    private static Dictionary<string, object?> Members(JsonElement json)
    {
        Dictionary<string, object?> read = [];
        foreach (JsonProperty each in json.EnumerateObject())
            read[each.Name] = each.Value.Clone();
        return read;
    }
}
