using System.Text;
using System.Text.Json;
using MeKi.Model.Replies;
using MeKi.Tests;

namespace MeKi.Model.Tests.Replies;

public sealed class ReplyParserTests
{
    private static readonly Dictionary<string, JsonElement> Tools = new()
    {
        ["get_weather"] = JsonDocument.Parse("""
            {"type": "object", "$defs": {"Unit": {"enum": ["celsius", "fahrenheit"]}},
             "properties": {"city": {"type": "string"}, "unit": {"$ref": "#/$defs/Unit"}, "days": {"type": "integer"}}, "required": ["city"]}
            """).RootElement,
        ["switch_light"] = JsonDocument.Parse("""
            {"type": "object", "properties": {"room": {"type": ["string", "null"]}, "on": {"type": "boolean"},
             "level": {"anyOf": [{"type": "number"}, {"type": "null"}]}, "times": {"type": "array"}, "scene": {"type": "object"}}}
            """).RootElement,
    };

    public static TheoryData<string, string, string, string[]> Replies { get; } = ReadCases();

    [Theory]
    [MemberData(nameof(Replies))]
    public void A_reply_means_the_same_however_it_is_cut(string template, string prompt, string reply, string[] expected)
    {
        ReplyFormat format = ReplyFormat.FromTemplate(template);
        Assert.Equal(expected, Parse(format, prompt, [reply]));
        Assert.Equal(expected, Parse(format, prompt, reply.Select(each => each.ToString())));
        for (int cut = 1; cut < reply.Length; cut++)
            Assert.Equal(expected, Parse(format, prompt, [reply[..cut], reply[cut..]]));
        Random random = new(reply.Length);
        for (int round = 0; round < 20; round++)
        {
            List<string> pieces = [];
            for (int at = 0; at < reply.Length;)
            {
                int length = Math.Min(random.Next(0, 9), reply.Length - at);
                pieces.Add(reply.Substring(at, length));
                at += length;
            }
            Assert.Equal(expected, Parse(format, prompt, pieces));
        }
    }

    [Theory]
    [MemberData(nameof(Replies))]
    public void A_reply_that_ends_anywhere_is_understood_as_far_as_it_goes(string template, string prompt, string reply, string[] expected)
    {
        ReplyFormat format = ReplyFormat.FromTemplate(template);
        int most = expected.Count(each => each.StartsWith('C'));
        for (int length = 0; length < reply.Length; length++)
        {
            string[] whole = Parse(format, prompt, [reply[..length]]);
            Assert.Equal(whole, Parse(format, prompt, reply[..length].Select(each => each.ToString())));
            Assert.True(whole.Count(each => each.StartsWith('C')) <= most);
        }
    }

    [Fact]
    public void Mixed_markers_in_any_order_mean_the_same_however_they_are_cut()
    {
        string[] parts =
        [
            "<think>", "</think>", "<tool_call>", "</tool_call>", "{\"name\": \"get_weather\", \"arguments\": {}}", "{", "}", "\"", "\n", " ", "a", "<",
            "<function=f>", "<parameter=x>", "</parameter>", "</function>", "[TOOL_CALLS]", "[", "]", "[ARGS]", "<arg_key>", "</arg_key>", "<arg_value>",
            "</arg_value>", "<|channel|>", "<|message|>", "<|tool_call>", "call:f{", "<|\"|>", "<tool_call|>", "<|python_tag|>", "f.call(x=1)", "```json",
            "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "to=functions.f", "<|start|>", "<|end|>", "é", ";", "functools", "<|tool_call|>",
            "<|tools_prefix|>", "<|tools_suffix|>", "<|inner_prefix|>", "<|inner_suffix|>", "[{\"f\": {}}]", "<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>",
            "<｜DSML｜invoke name=\"f\">", "</｜DSML｜invoke>", "<｜DSML｜parameter name=\"x\" string=\"true\">", "</｜DSML｜parameter>", "<｜DSML｜",
            ">>>", ">>>all\n", "get_weather\n",
        ];
        string[] templates =
        [
            "<tool_call> <think>", "<function= <think>", "<arg_key> <think>", "[TOOL_CALLS]", "<|tool_call> <|channel>", "<|channel|> <|end|>",
            "ipython <think>", "<｜tool▁call▁begin｜> <think>", "<|tool_call|>", "<|tools_prefix|> <|inner_prefix|>", "｜DSML｜ <think>", ">>>all",
        ];
        Random random = new(4);
        for (int round = 0; round < 1800; round++)
        {
            ReplyFormat format = ReplyFormat.FromTemplate(templates[round % templates.Length]);
            string reply = string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => parts[random.Next(parts.Length)]));
            string[] whole = Parse(format, "", [reply]);
            Assert.Equal(whole, Parse(format, "", reply.Select(each => each.ToString())));
            int cut = random.Next(reply.Length + 1);
            Assert.Equal(whole, Parse(format, "", [reply[..cut], reply[cut..]]));
        }
    }

    [Fact]
    public void Text_flows_until_a_marker_becomes_possible()
    {
        ReplyParser parser = new(ReplyFormat.FromTemplate("<tool_call> <think>"));
        Assert.Equal([new ReplyText("Hel")], parser.Append("Hel"));
        Assert.Equal([new ReplyText("lo")], parser.Append("lo <"));
        Assert.Equal([new ReplyText(" <b")], parser.Append("b"));
        Assert.Empty(parser.Append("\n<tool_"));
        Assert.Equal([new ReplyText("\n<tool_x")], parser.Append("x"));
        Assert.Empty(parser.Complete());
    }

    [Fact]
    public void A_call_comes_when_its_last_brace_does()
    {
        ReplyParser parser = new(ReplyFormat.FromTemplate("<tool_call>"));
        Assert.Empty(parser.Append("<tool_call>\n{\"name\": \"a\", \"arguments\": {}"));
        Assert.Equal([new ToolCall(null, "a", "{}")], parser.Append("}"));
        Assert.Empty(parser.Append("\n</tool_call>"));
        Assert.Empty(parser.Complete());
    }

    [Fact]
    public void An_answer_in_JSON_is_not_held_back_where_calls_are_bare_JSON()
    {
        ReplyParser parser = new(ReplyFormat.FromTemplate("ipython"));
        Assert.Equal([new ReplyText("{\"answer\": 4")], parser.Append("{\"answer\": 4"));
        Assert.Equal([new ReplyText("2}")], parser.Append("2}"));
    }

    [Fact]
    public void A_long_call_in_small_pieces_arrives_whole()
    {
        string text = string.Concat(Enumerable.Repeat("for (int i = 0; i < n; i++) { a[i] = \\\"x\\\"; }\\n", 500));
        ReplyParser parser = new(ReplyFormat.FromTemplate("<tool_call>"));
        string reply = $"<tool_call>{{\"name\": \"write\", \"arguments\": {{\"text\": \"{text}\"}}}}</tool_call>";
        List<ReplyEvent> events = [];
        for (int at = 0; at < reply.Length; at += 5)
            events.AddRange(parser.Append(reply.AsSpan(at, Math.Min(5, reply.Length - at))));
        events.AddRange(parser.Complete());
        ToolCall call = Assert.IsType<ToolCall>(Assert.Single(events));
        Assert.Equal($"{{\"text\": \"{text}\"}}", call.Arguments);
    }

    [Fact]
    public void Deeply_nested_arguments_are_text_and_no_overflow()
    {
        string reply = $"<tool_call>{{\"name\": \"a\", \"arguments\": {new string('[', 100_000)}";
        Assert.Equal(["T " + reply], Parse(ReplyFormat.FromTemplate("<tool_call>"), "", [reply]));
    }

    [Fact]
    public void A_schema_that_refers_to_itself_ends()
    {
        Dictionary<string, JsonElement> tools = new()
        {
            ["f"] = JsonDocument.Parse("""{"properties": {"x": {"$ref": "#/properties/x"}, "y": {"$ref": "#"}, "z": true}}""").RootElement,
        };
        ReplyParser parser = new(ReplyFormat.FromTemplate("<function="), "", tools);
        parser.Append("<function=f><parameter=x>1</parameter><parameter=y>a</parameter><parameter=z>\"b\"</parameter></function>");
        ReplyParser other = new(ReplyFormat.FromTemplate("<function="), "", tools);
        ToolCall call = Assert.IsType<ToolCall>(Assert.Single(
            other.Append("<function=f><parameter=x>1</parameter><parameter=y>a</parameter><parameter=z>\"b\"</parameter></function>")));
        Assert.Equal("""{"x": 1, "y": "a", "z": "\"b\""}""", call.Arguments);
    }

    [Fact]
    public void Without_a_template_replies_are_understood_as_most_write_them() =>
        Assert.Equal(
            ["R b", "C f {}"], Parse(ReplyFormat.FromTemplate(null), "", ["<think>b</think><tool_call>{\"name\": \"f\"}</tool_call>"]));

    [Fact]
    public void Bare_JSON_is_a_call_only_of_tools_that_were_offered()
    {
        const string Reply = "{\"name\": \"f\", \"parameters\": {}}";
        ReplyFormat format = ReplyFormat.FromTemplate("ipython");
        Assert.IsType<ToolCall>(Assert.Single(new ReplyParser(format).Append(Reply)));
        Assert.IsType<ReplyText>(Assert.Single(new ReplyParser(format, tools: new Dictionary<string, JsonElement>()).Append(Reply)));
    }

    private static TheoryData<string, string, string, string[]> ReadCases()
    {
        TheoryData<string, string, string, string[]> cases = [];
        string text = File.ReadAllText(Path.Combine(SharedMaterial.Repository, "tests", "Model.Tests", "Replies", "replies.txt"));
        foreach (string each in text.Split("\n\n").Where(each => each.StartsWith("template ", StringComparison.Ordinal)))
        {
            string[] lines = [.. each.TrimEnd('\n').Split('\n').Select(line => line.Replace('⏎', '\n'))];
            string Value(string key) => lines.FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal))?[key.Length..] ?? "";
            cases.Add(Value("template "), Value("prompt "), Value("reply "), [.. lines.Where(line => line[1] == ' ')]);
        }
        return cases;
    }

    internal static string[] Parse(ReplyFormat format, string prompt, IEnumerable<string> pieces)
    {
        ReplyParser parser = new(format, prompt, Tools);
        List<(char Kind, StringBuilder Text)> events = [];
        foreach (string piece in pieces)
            Add(parser.Append(piece));
        Add(parser.Complete());
        return [.. events.Select(each => $"{each.Kind} {each.Text}")];

        void Add(IReadOnlyList<ReplyEvent> more)
        {
            foreach (ReplyEvent each in more)
            {
                (char kind, string text) = each switch
                {
                    ReplyText part => ('T', part.Text),
                    ReplyReasoning part => ('R', part.Text),
                    ToolCall call => ('C', $"{(call.Id is null ? "" : call.Id + " ")}{call.Name} {call.Arguments}"),
                    _ => throw new InvalidOperationException(),
                };
                Assert.NotEmpty(text);
                if (each is ToolCall called)
                    Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(called.Arguments).RootElement.ValueKind);
                if (events is [.., (var last, var builder)] && last == kind && kind != 'C')
                    builder.Append(text);
                else
                    events.Add((kind, new(text)));
            }
        }
    }
}
