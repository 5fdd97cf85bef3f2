using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeKi.Fuzz.Mutation;
using MeKi.Model.Replies;
using MeKi.Model.Templates;
using MeKi.Tests;

namespace MeKi.Fuzz.Readers;

/// <summary>Chat templates, rendered with conversations of several kinds.</summary>
internal sealed class TemplateReader : Reader
{
    private static readonly TextMutation s_text = new(
        ["{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "{{-", "-}}", "for", "in", "if", "elif", "else", "endif", "endfor", "set", "endset", "macro",
            "endmacro",
            "call", "endcall", "filter", "endfilter", "generation", "endgeneration", "recursive", "break", "continue", "loop", "loop.index0", "loop.previtem",
            "namespace", "range", "dict", "raise_exception", "strftime_now", "cycler", "joiner", "lipsum", "messages", "tools", "message", "content", "role",
            "[", "]",
            "[::-1]", "[-1]", "[:1]", "(", ")", "{", "}", ":", ",", ".", "|", "~", "+", "-", "*", "**", "/", "//", "%", "==", "!=", "<", "not", "and", "or",
            "is",
            "defined", "string", "mapping", "iterable", "none", "true", "tojson", "trim", "join", "map", "select", "selectattr", "rejectattr", "groupby",
            "sort",
            "items", "dictsort", "length", "first", "last", "default", "upper", "replace", "split", "format", "indent", "int", "float", "round", "unique",
            "batch",
            "slice", "sum", "min", "max", "reverse", "list", "string", "safe", "e", "wordwrap", "center", "truncate", "abs", "attr", "pprint", "'x'",
            "\"%s\"", "0",
            "1", "99999999", "2.5e300", "none", "''", "append", "update", "pop", "get", "keys", "values", "strip", "lstrip", "startswith", "find", "count",
            "encode",
            "__class__", "caller()", "varargs", "kwargs", "loop([1])", "do", "with", "endwith", "raw", "endraw", "block", "endblock", "import", "include",
            "extends"],
        [("{{ ", " }}"), ("{% if x %}", "{% endif %}"), ("{% for i in messages %}", "{% endfor %}"), ("(", ")"), ("[", "]"), ("{'a':", "}"), ("-", ""),
            ("not ", ""),
            ("{% macro m(x) %}", "{% endmacro %}{{ m(1) }}"), ("range(", ")"), ("{% set x %}", "{% endset %}"), ("1+", ""), ("", "|tojson"), ("", ".a"), ("",
            "[0]"),
            ("", "*9"), ("'", "'"), ("{% for a in range(999) %}", "{% endfor %}")]);

    public override string Name => "template";

    public override bool IsProgram => true;

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_text.Mutate(input, other, random);

    public override void Read(byte[] input, Random random)
    {
        string source = Encoding.UTF8.GetString(input);
        ChatTemplate template = ChatTemplate.Parse(source);
        ReplyFormat.FromTemplate(source);
        template.Render(Conversations.All[random.Next(Conversations.All.Count)]);
    }

    protected override IEnumerable<byte[]> Sound() => Conversations.Templates().Select(Encoding.UTF8.GetBytes).Concat(SeedFiles.Of(Name));
}

/// <summary>Conversations, tools and variables that published templates make text of.</summary>
internal sealed class MessagesReader : Reader
{
    private static readonly JsonMutation s_json = new("role", "content", "user", "assistant", "system", "tool", "tool_calls", "function", "name",
        "arguments", "id",
        "type", "text", "tool_call_id", "reasoning_content", "thinking", "parameters", "properties", "required", "enum", "items", "description", "anyOf",
        "$ref",
        "messages", "tools", "variables", "enable_thinking", "documents", "bos_token", "date_string", "image", "developer", "ipython", "return");

    private readonly ChatTemplate[] _templates = [.. Conversations.Templates().Select(ChatTemplate.Parse)];

    public override string Name => "messages";

    public override bool IsProgram => true;

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_json.Mutate(input, other, random);

    public override void Read(byte[] input, Random random)
    {
        JsonObject? json;
        try
        {
            json = JsonNode.Parse(input) as JsonObject;
            if (json?["messages"] is not JsonArray)
                return;
        }
        catch (Exception failure) when (failure is ArgumentException or InvalidOperationException or JsonException)
        {
            // No JSON, or nodes with one name twice; whoever makes them of text sees that.
            return;
        }
        _templates[random.Next(_templates.Length)].Render(Conversations.Of(json));
    }

    protected override IEnumerable<byte[]> Sound() => Conversations.Texts;
}

/// <summary>What models write, taken apart as each family marks reasoning and calls.</summary>
internal sealed class ReplyReader : Reader
{
    private static readonly TextMutation s_text = new(
        ["<think>", "</think>", "<tool_call>", "</tool_call>", "{\"name\": \"f\", \"arguments\": {}}", "{", "}", "[", "]", "\"", ":", ",", "<function=f>",
            "</function>",
            "<parameter=a>", "</parameter>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<|channel|>", "<|message|>", "to=functions.f", "<|python_tag|>",
            "f(a=1)", "<arg_key>",
            "<arg_value>", "<|tool_call>", "<tool_call|>", "call:f{a:<|\"|>x<|\"|>}", "<|START_ACTION|>", "\\ud800", "\\u0000", "'", "true", "None", "1e999",
            "functools["],
        [("<think>", "</think>"), ("<tool_call>", "</tool_call>"), ("[", "]"), ("{\"a\":", "}"), ("\"", "\""), ("f(", ")"), ("<function=f>", "</function>")]);

    private readonly ReplyFormat[] _formats = [.. Conversations.Templates().Select(ReplyFormat.FromTemplate), ReplyFormat.FromTemplate(null)];

    private readonly Dictionary<string, JsonElement> _tools = new()
    {
        ["f"] = JsonElement.Parse(
            """{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":["string","null"]},"c":{"anyOf":[{"type":"array"}]}}}"""),
    };

    public override string Name => "reply";

    public override bool IsProgram => true;

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_text.Mutate(input, other, random);

    public override void Read(byte[] input, Random random)
    {
        string text = Encoding.UTF8.GetString(input);
        ReplyFormat format = _formats[random.Next(_formats.Length)];
        IReadOnlyDictionary<string, JsonElement>? tools = random.Next(2) == 0 ? _tools : null;
        List<ReplyEvent> whole = [], pieces = [];
        ReplyParser one = new(format, "", tools), many = new(format, "", tools);
        whole.AddRange(one.Append(text));
        whole.AddRange(one.Complete());
        for (int at = 0, length; at < text.Length; at += length)
        {
            length = Math.Min(text.Length - at, text.Length > 5_000 ? 1_000 : random.Next(1, 12));
            pieces.AddRange(many.Append(text.AsSpan(at, length)));
        }
        pieces.AddRange(many.Complete());
        Require(Joined(whole) == Joined(pieces), "a reply depends on how it was cut");
    }

    protected override IEnumerable<byte[]> Sound() => SeedFiles.Of(Name);

    private static string Joined(List<ReplyEvent> events)
    {
        StringBuilder joined = new();
        Type? last = null;
        foreach (ReplyEvent part in events)
        {
            if (part.GetType() != last || part is ToolCall)
                joined.Append('\u0001').Append(part.GetType().Name).Append('\u0001');
            last = part.GetType();
            joined.Append(part switch { ReplyText text => text.Text, ReplyReasoning thought => thought.Text,
                ToolCall call => $"{call.Name} {call.Arguments}", _ => "" });
        }
        return joined.ToString();
    }
}

/// <summary>Templates and conversations that others are made of.</summary>
internal static class Conversations
{
    public static IReadOnlyList<byte[]> Texts { get; } = [.. SeedFiles.Of("messages")];

    public static IReadOnlyList<ChatTemplateInput> All { get; } = [.. Texts.Select(text => Of(JsonNode.Parse(text)!.AsObject()))];

    public static ChatTemplateInput Of(JsonObject json) => new()
    {
        Messages = json["messages"] as JsonArray ?? [],
        Tools = json["tools"] as JsonArray,
        Documents = json["documents"] as JsonArray,
        Variables = json["variables"] as JsonObject,
        Clock = TimeProvider.System,
    };

    /// <summary>ChatML, and the published templates where they are on this machine.</summary>
    public static IEnumerable<string> Templates() => SharedMaterial.Has("templates")
        ? Directory.GetFiles(SharedMaterial.Path("templates"),
            "*.jinja").Order(StringComparer.Ordinal).Select(File.ReadAllText).Prepend(ChatTemplate.ChatMl.Source)
        : [ChatTemplate.ChatMl.Source];
}
