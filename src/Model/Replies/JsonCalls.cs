using System.Text.Json;

namespace MeKi.Model.Replies;

/// <summary>
/// Calls as JSON, one object or a list of them, behind a marker or (Llama 3, and a second call behind a first) without one: Qwen, Hermes, Granite, Phi,
/// Command-R, Apertus, Llama 3.
/// </summary>
internal class JsonCalls : CallSyntax
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 128 };

    /// <summary>Whether the model writes a list of calls behind one marker.</summary>
    public bool IsList { get; init; }

    /// <summary>Whether a call is an object of one member, the tool's name and the arguments.</summary>
    public bool IsKeyed { get; init; }

    /// <summary>The member that numbers the calls, where the model writes one.</summary>
    public string? NumberKey { get; init; }

    /// <summary>The member that names the tool.</summary>
    public string NameKey { get; init; } = "name";

    /// <summary>The member that has the arguments.</summary>
    public string ArgumentsKey { get; init; } = "arguments";

    public override bool Read(ref ReplyCursor text, OfferedTools tools, FoundCalls found)
    {
        if (!SkipAny(ref text, Openers, out string? opener))
            return false;
        if (opener is null)
            return ReadBare(ref text, tools, found);
        text.SkipSpace();
        return ReadList(ref text, found, null, IsKeyed);
    }

    /// <summary>Reads a call or a list of calls.</summary>
    /// <param name="text">Stands at them.</param>
    /// <param name="found">Takes them.</param>
    /// <param name="bare">The tools, where no marker said that this is a call.</param>
    /// <param name="isKeyed">Whether a call may be a name and its arguments alone.</param>
    public static bool ReadList(ref ReplyCursor text, FoundCalls found, OfferedTools? bare, bool isKeyed = false)
    {
        if (!text.Json(out string json))
            return false;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, Options);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Array)
                return Add(root, found, bare, isKeyed) || text.Fail();
            foreach (JsonElement each in root.EnumerateArray())
            {
                if (!Add(each, found, bare, isKeyed))
                    return text.Fail();
            }
            return root.GetArrayLength() > 0 || text.Fail();
        }
        catch (JsonException)
        {
            return text.Fail();
        }
        catch (InvalidOperationException)
        {
            // A string of half a surrogate pair.
            return text.Fail();
        }
    }

    /// <summary>A JSON object that is an argument list.</summary>
    public static bool ReadArguments(ref ReplyCursor text, out string arguments)
    {
        if (!text.Json(out arguments))
            return false;
        return IsObject(arguments) || text.Fail();
    }

    /// <summary>An object of some JSON begins like a call, so that other answers in JSON need not be held back until they are whole.</summary>
    private bool ReadBare(ref ReplyCursor text, OfferedTools tools, FoundCalls found)
    {
        ReplyCursor ahead = text;
        if (!ahead.Take("{"))
            return text.Fail();
        ahead.SkipSpace();
        if (!ahead.Take("\"") || !ahead.Name(out string key) || !ahead.Take("\""))
        {
            text = ahead;
            return false;
        }
        if (key is not ("name" or "type" or "function" or "parameters" or "arguments" or "id"))
            return text.Fail();
        // Behind a call nothing else in JSON is to be expected, at the beginning of a reply anything is.
        return ReadList(ref text, found, StartOpeners.Length > 0 ? tools : OfferedTools.Unknown);
    }

    private static bool Add(JsonElement call, FoundCalls found, OfferedTools? bare, bool isKeyed)
    {
        if (call.ValueKind != JsonValueKind.Object)
            return false;
        if (isKeyed && call.GetPropertyCount() == 1 && call.EnumerateObject().First() is { Name.Length: > 0, Value.ValueKind: JsonValueKind.Object } only)
        {
            found.Calls.Add(new(null, only.Name, only.Value.GetRawText()));
            return true;
        }
        string? id = Text(call, "id") ?? Text(call, "tool_call_id");
        if (call.TryGetProperty("function", out JsonElement inner) && inner.ValueKind == JsonValueKind.Object)
            call = inner;
        string? name = Text(call, "name") ?? Text(call, "tool_name") ?? Text(call, "function");
        bool hasArguments = call.TryGetProperty("arguments", out JsonElement value) || call.TryGetProperty("parameters", out value)
            || call.TryGetProperty("args", out value);
        if (string.IsNullOrEmpty(name) || (bare is not null && !(hasArguments && bare.MayBe(name))))
            return false;
        string? arguments = !hasArguments ? "{}" : value.ValueKind switch
        {
            JsonValueKind.Object => value.GetRawText(),
            JsonValueKind.Null => "{}",
            JsonValueKind.String when value.GetString() is { } text => text.Length == 0 ? "{}" : IsObject(text) ? text : null,
            _ => null,
        };
        if (arguments is null)
            return false;
        found.Calls.Add(new(id, name, arguments));
        return true;
    }

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out JsonElement value) ? value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetRawText(),
        _ => null,
    } : null;

    private static bool IsObject(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, Options);
            return document.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
