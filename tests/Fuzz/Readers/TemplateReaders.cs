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
        ["{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "{{-", "-}}", "for", "in", "if", "elif", "else", "endif", "endfor", "set", "endset", "macro", "endmacro",
            "call", "endcall", "filter", "endfilter", "generation", "endgeneration", "recursive", "break", "continue", "loop", "loop.index0", "loop.previtem",
            "namespace", "range", "dict", "raise_exception", "strftime_now", "cycler", "joiner", "lipsum", "messages", "tools", "message", "content", "role", "[", "]",
            "[::-1]", "[-1]", "[:1]", "(", ")", "{", "}", ":", ",", ".", "|", "~", "+", "-", "*", "**", "/", "//", "%", "==", "!=", "<", "not", "and", "or", "is",
            "defined", "string", "mapping", "iterable", "none", "true", "tojson", "trim", "join", "map", "select", "selectattr", "rejectattr", "groupby", "sort",
            "items", "dictsort", "length", "first", "last", "default", "upper", "replace", "split", "format", "indent", "int", "float", "round", "unique", "batch",
            "slice", "sum", "min", "max", "reverse", "list", "string", "safe", "e", "wordwrap", "center", "truncate", "abs", "attr", "pprint", "'x'", "\"%s\"", "0",
            "1", "99999999", "2.5e300", "none", "''", "append", "update", "pop", "get", "keys", "values", "strip", "lstrip", "startswith", "find", "count", "encode",
            "__class__", "caller()", "varargs", "kwargs", "loop([1])", "do", "with", "endwith", "raw", "endraw", "block", "endblock", "import", "include", "extends"],
        [("{{ ", " }}"), ("{% if x %}", "{% endif %}"), ("{% for i in messages %}", "{% endfor %}"), ("(", ")"), ("[", "]"), ("{'a':", "}"), ("-", ""), ("not ", ""),
            ("{% macro m(x) %}", "{% endmacro %}{{ m(1) }}"), ("range(", ")"), ("{% set x %}", "{% endset %}"), ("1+", ""), ("", "|tojson"), ("", ".a"), ("", "[0]"),
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

    protected override IEnumerable<byte[]> Sound() => Conversations.Templates().Concat(
    [
        "{% set ns = namespace(found=false, n=0) %}{% for m in messages %}{% if m.role == 'user' and not ns.found %}{% set ns.found = true %}{{ m.content | trim | upper }}"
            + "{% elif m.tool_calls is defined and m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name ~ (c.function.arguments | tojson(indent=2)) }}{% endfor %}{% endif %}{% endfor %}",
        "{% macro render(x, depth=0) %}{% if x is mapping %}{% for k, v in x.items() %}{{ '  ' * depth }}{{ k }}: {{ render(v, depth + 1) }}{% endfor %}{% elif x is iterable and x is not string %}"
            + "{% for y in x %}{{ render(y, depth + 1) }}{% endfor %}{% else %}{{ x }}{% endif %}{% endmacro %}{{ render(messages) }}{{ render(tools) }}",
        "{% for m in messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list %}{{ loop.index }}/{{ loop.length }} {{ m[::-1] }}{{ '%5.2f|%s' % (loop.index / 3, m) }}"
            + "{{ '{:>10}'.format(m) }}{{ m.split(' ')[-1].replace('a', 'b').center(20, '*') }}{% endfor %}",
        "{{ messages | groupby('role') | list }}{{ range(1, 20, 3) | batch(2, 0) | list }}{{ [3, 1, 2] | sort(reverse=true) | join(', ') }}{{ messages | length ** 3 // 2 % 7 }}{{ strftime_now('%d %B %Y') }}"
            + "{% for a, b in [(1, 2), (3, 4)] recursive %}{{ a }}{% endfor %}{{ dict(a=1, **{'b': 2}) | dictsort }}{{ 'x' is in 'xyz' }}{{ [1, 'a', none, true, 1.5] | tojson }}",
    ]).Select(Encoding.UTF8.GetBytes);
}

/// <summary>Conversations, tools and variables that published templates make text of.</summary>
internal sealed class MessagesReader : Reader
{
    private static readonly JsonMutation s_json = new("role", "content", "user", "assistant", "system", "tool", "tool_calls", "function", "name", "arguments", "id",
        "type", "text", "tool_call_id", "reasoning_content", "thinking", "parameters", "properties", "required", "enum", "items", "description", "anyOf", "$ref",
        "messages", "tools", "variables", "enable_thinking", "documents", "bos_token", "date_string", "image", "developer", "ipython", "return");

    private readonly ChatTemplate[] _templates = [.. Conversations.Templates().Select(ChatTemplate.Parse)];

    public override string Name => "messages";

    public override bool IsProgram => true;

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => s_json.Mutate(input, other, random);

    public override bool IsTyped(Exception failure) => base.IsTyped(failure) || failure is JsonException;

    public override void Read(byte[] input, Random random)
    {
        JsonObject? json;
        try
        {
            json = JsonNode.Parse(input) as JsonObject;
            if (json?["messages"] is not JsonArray)
                return;
        }
        catch (Exception failure) when (failure is ArgumentException or InvalidOperationException)
        {
            // Nodes with one name twice; whoever makes them of text sees that.
            return;
        }
        _templates[random.Next(_templates.Length)].Render(Conversations.Of(json));
    }

    protected override IEnumerable<byte[]> Sound() => Conversations.Texts.Select(Encoding.UTF8.GetBytes);
}

/// <summary>What models write, taken apart as each family marks reasoning and calls.</summary>
internal sealed class ReplyReader : Reader
{
    private static readonly TextMutation s_text = new(
        ["<think>", "</think>", "<tool_call>", "</tool_call>", "{\"name\": \"f\", \"arguments\": {}}", "{", "}", "[", "]", "\"", ":", ",", "<function=f>", "</function>",
            "<parameter=a>", "</parameter>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<|channel|>", "<|message|>", "to=functions.f", "<|python_tag|>", "f(a=1)", "<arg_key>",
            "<arg_value>", "<|tool_call>", "<tool_call|>", "call:f{a:<|\"|>x<|\"|>}", "<|START_ACTION|>", "\\ud800", "\\u0000", "'", "true", "None", "1e999", "functools["],
        [("<think>", "</think>"), ("<tool_call>", "</tool_call>"), ("[", "]"), ("{\"a\":", "}"), ("\"", "\""), ("f(", ")"), ("<function=f>", "</function>")]);

    private readonly ReplyFormat[] _formats = [.. Conversations.Templates().Select(ReplyFormat.FromTemplate), ReplyFormat.FromTemplate(null)];

    private readonly Dictionary<string, JsonElement> _tools = new()
    {
        ["f"] = JsonElement.Parse("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":["string","null"]},"c":{"anyOf":[{"type":"array"}]}}}"""),
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

    protected override IEnumerable<byte[]> Sound() => new[]
    {
        "<think>\nLet me see.\n</think>\n\nThe answer is 4.", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1, \"b\": \"x\"}}\n</tool_call>",
        "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>", "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": 1}}]",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\":1}<|call|>",
        "<|tool_call_start|>[f(a=1, b='x', c=[1, {'k': None}])]<|tool_call_end|>", "<|tool_call>call:f{a:1,b:<|\"|>x<|\"|>}<tool_call|>",
        "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>", "<|python_tag|>f.call(a=1)", "{\"name\": \"f\", \"parameters\": {\"a\": 1}}",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\":1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    }.Select(Encoding.UTF8.GetBytes);

    private static string Joined(List<ReplyEvent> events)
    {
        StringBuilder joined = new();
        Type? last = null;
        foreach (ReplyEvent part in events)
        {
            if (part.GetType() != last || part is ToolCall)
                joined.Append('\u0001').Append(part.GetType().Name).Append('\u0001');
            last = part.GetType();
            joined.Append(part switch { ReplyText text => text.Text, ReplyReasoning thought => thought.Text, ToolCall call => $"{call.Name} {call.Arguments}", _ => "" });
        }
        return joined.ToString();
    }
}

/// <summary>Templates and conversations that others are made of.</summary>
internal static class Conversations
{
    public static IReadOnlyList<string> Texts { get; } =
    [
        """{"messages":[{"role":"user","content":"What is 2 + 2?"}],"variables":{"enable_thinking":false,"bos_token":"<s>","eos_token":"</s>"}}""",
        """
        {"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Weather in <b>Oslo</b> & \"Rome\" 東京 🙂?"},
         {"role":"assistant","content":null,"reasoning_content":"Look it up.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":{"city":"Oslo","days":[1,2.5,null]}}}]},
         {"role":"tool","tool_call_id":"call_1","name":"weather","content":"{\"t\": 5}"},{"role":"assistant","content":"<think>x</think>5 degrees."},{"role":"user","content":[{"type":"text","text":"Thanks."}]}],
         "tools":[{"type":"function","function":{"name":"weather","description":"The weather.","parameters":{"type":"object","properties":{"city":{"type":"string","description":"A city","enum":["Oslo","Rome"]},
         "days":{"type":"array","items":{"type":["integer","null"]}},"o":{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"number"}]}}}},"required":["city"]}}}],
         "variables":{"enable_thinking":true,"bos_token":"<s>","eos_token":"</s>"}}
        """,
        """{"messages":[{"role":"developer","content":""},{"role":"user","content":"  a\n"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}],"documents":[{"title":"t","text":"x"}]}""",
        """{"messages":[]}""",
    ];

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
        ? Directory.GetFiles(SharedMaterial.Path("templates"), "*.jinja").Order(StringComparer.Ordinal).Select(File.ReadAllText).Prepend(ChatTemplate.ChatMl.Source)
        : [ChatTemplate.ChatMl.Source];
}
