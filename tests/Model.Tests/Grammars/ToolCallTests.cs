using System.Globalization;
using System.Text;
using System.Text.Json;
using Json.Schema;
using MeKi.Model.Grammars;
using MeKi.Model.Grammars.Masks;
using MeKi.Model.Replies;
using Microsoft.Extensions.AI;

namespace MeKi.Tests.Grammars;

/// <summary>Replies whose tool calls a grammar rules, written by random tokens and read by the parser of replies.</summary>
public class ToolCallTests
{
    private static readonly AIFunctionDeclaration[] s_tools =
    [
        Tool("get_weather", """
            { "type": "object", "properties": { "city": { "type": "string", "maxLength": 12 }, "days": { "type": "integer", "minimum": 1, "maximum": 7 },
              "unit": { "enum": ["c", "f"] }, "note": { "anyOf": [{ "type": "string" }, { "type": "null" }] } },
              "required": ["city", "unit"], "additionalProperties": false }
            """),
        Tool("get", """
            { "type": "object", "properties": { "tags": { "type": "array", "items": { "type": "string", "maxLength": 4 }, "maxItems": 3 },
              "deep": { "type": "object", "properties": { "on": { "type": "boolean" }, "x": { "type": "number" } }, "required": ["on"] },
              "maybe": { "type": ["boolean", "null"] } }, "required": ["deep"] }
            """),
        Tool("now", """{ "type": "object", "properties": {}, "additionalProperties": false }"""),
        Tool("any-thing.2", """{ "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": { "v": {} } }"""),
    ];

    // What a family's template says.
    public static TheoryData<string> Families { get; } =
    [
        "<tool_call> <think>", "<|tool_call|>", "functools[ <|/tool|>", "[TOOL_CALLS]", "[TOOL_CALLS] [ARGS]", "[TOOL_CALLS] [CALL_ID] [ARGS] [THINK]",
        "<|tool_call> <|channel>", "<function= <parameter= <think>", "<seed:tool_call> <seed:think>", "<arg_key> <think>", "<minimax:tool_call>",
        "<function name= <param name=", "<｜tool▁call▁begin｜> <think>", "<｜tool▁call▁begin｜> tool['type'] + '<｜tool▁sep｜>'",
        "<|tool_call_argument_begin|>", "<|START_ACTION|> <|START_THINKING|>", "<|tool_list_start|>", "<TOOLCALL>", "ipython <|python_tag|>",
        "<|tools_prefix|> <|inner_prefix|>", "｜DSML｜function_calls> <think>", "｜DSML｜ tool_calls> <think>", ">>>all",
    ];

    [Theory]
    [MemberData(nameof(Families))]
    public void Required_calls_are_read_and_valid(string template)
    {
        ReplyFormat format = ReplyFormat.FromTemplate(template);
        Grammar grammar = Grammar.ForToolCalls(format, s_tools, ChatToolMode.RequireAny);
        for (int seed = 0; seed < 5; seed++)
            Assert.NotEmpty(Calls(format, Walk(grammar, "", seed, 120), mayHaveText: false));
        grammar = Grammar.ForToolCalls(format, [s_tools[2]], ChatToolMode.RequireAny);
        Assert.Contains(Enumerable.Range(0, 20), seed => Calls(format, Walk(grammar, "", seed, 200), mayHaveText: false).Count > 1);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_free_reply_has_no_call_but_valid_ones(string template)
    {
        ReplyFormat format = ReplyFormat.FromTemplate(template);
        Grammar grammar = Grammar.ForToolCalls(format, s_tools, ChatToolMode.Auto, allowMultiple: false);
        string opener = template.Contains("functools", StringComparison.Ordinal) ? "functools[" : format.Calls!.Openers[0];
        for (int seed = 0; seed < 3; seed++)
        {
            Calls(format, Walk(grammar, "", seed, 60), mayHaveText: true);
            Assert.Single(Calls(format, Walk(grammar, Answer(format) + "Let me see. " + opener, seed, 120), mayHaveText: true));
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_reply_without_tools_has_no_call(string template)
    {
        ReplyFormat format = ReplyFormat.FromTemplate(template);
        Grammar grammar = Grammar.ForToolCalls(format, s_tools, ChatToolMode.None);
        foreach (string opener in (string[])[.. format.Calls!.Openers, .. format.Calls.StartOpeners])
        {
            foreach (string call in (string[])[opener, opener + """[{"name": "now", "arguments": {}}]""", opener + "\"name\": \"now\", \"parameters\": {}}"])
                Assert.False(grammar.Accepts(call) && Read(format, call).OfType<ToolCall>().Any(), call);
        }
        Assert.True(grammar.Accepts(Answer(format) + "A < b, {\"x\": [1]} and so on."));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void One_call_is_one_and_the_named_tool_is_the_only_one(string template)
    {
        ReplyFormat format = ReplyFormat.FromTemplate(template);
        Grammar grammar = Grammar.ForToolCalls(format, s_tools, ChatToolMode.RequireSpecific("get"), allowMultiple: false);
        for (int seed = 0; seed < 3; seed++)
            Assert.Equal("get", Assert.Single(Calls(format, Walk(grammar, "", seed, 80), mayHaveText: false)).Name);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_reply_is_complete_within_its_tokens(string template)
    {
        ReplyFormat format = ReplyFormat.FromTemplate(template);
        Grammar grammar = Grammar.ForToolCalls(format, s_tools, ChatToolMode.RequireSpecific("get_weather"));
        for (int seed = 0; seed < 10; seed++)
        {
            Assert.NotEmpty(Calls(format, Walk(grammar, "", seed, 1 + seed), mayHaveText: false));
        }
    }

    [SharedTheory("templates")]
    [InlineData("Qwen-Qwen3-0.6B",
        "<think>\nIt asks.\n</think>\n\nI look.\n"
        + "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": @}\n</tool_call>\n<tool_call>\n"
        + "{\"name\": \"now\", \"arguments\": {}}\n</tool_call>")]
    [InlineData("Qwen3.5-4B",
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nLyon\n</parameter>\n<parameter=unit>\nc\n</parameter>\n</function>\n</tool_call>")]
    [InlineData("GLM-4.6",
        "\n<think></think>\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Lyon</arg_value>\n<arg_key>unit</arg_key>\n"
        + "<arg_value>c</arg_value>\n</tool_call>")]
    [InlineData("google-gemma-4-31B-it", "<|channel>thought\nHm.<channel|><|tool_call>call:get_weather{city:<|\"|>Lyon<|\"|>,unit:<|\"|>c<|\"|>}<tool_call|>")]
    [InlineData("meta-llama-Llama-3.1-8B-Instruct", "{\"name\": \"get_weather\", \"parameters\": @}")]
    [InlineData("mistralai-Mistral-Nemo-Instruct-2407", "[TOOL_CALLS] [{\"name\": \"get_weather\", \"arguments\": @, \"id\": \"VvvODy9mT\"}]")]
    [InlineData("Mistral-Small-3.2-24B-Instruct-2506", "[TOOL_CALLS]get_weather[CALL_ID]VvvODy9mT[ARGS]@")]
    [InlineData("ibm-granite-granite-3.3-2B-Instruct", "<|tool_call|>[{\"name\": \"get_weather\", \"arguments\": @}]")]
    [InlineData("CohereForAI-c4ai-command-r7b-12-2024-tool_use",
        "<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[\n"
        + "    {\"tool_call_id\": \"0\", \"tool_name\": \"get_weather\", \"parameters\": @}\n]<|END_ACTION|>")]
    [InlineData("deepseek-ai-DeepSeek-V3.1", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>@<｜tool▁call▁end｜><｜tool▁calls▁end｜>")]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n@\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>")]
    [InlineData("LFM2-8B-A1B", "<|tool_call_start|>[get_weather(city=\"Lyon\", unit=\"c\", days=3)]<|tool_call_end|>")]
    [InlineData("openbmb-MiniCPM5-1B", "<function name=\"get_weather\"><param name=\"city\">Lyon</param><param name=\"unit\">c</param></function>")]
    public void What_a_family_writes_is_accepted(string template, string reply)
    {
        reply = reply.Replace("@", """{"city": "Lyon", "unit": "c"}""", StringComparison.Ordinal);
        ReplyFormat format = ReplyFormat.FromTemplate(File.ReadAllText(SharedMaterial.Path($"templates/{template}.jinja")));
        Grammar grammar = Grammar.ForToolCalls(format, s_tools);
        Assert.True(grammar.Accepts(reply));
        Assert.NotEmpty(Calls(format, reply, mayHaveText: true));
        Assert.True(grammar.Accepts("Just text."));
        Assert.False(grammar.Accepts(reply.Replace("get_weather", "get_whether", StringComparison.Ordinal)));
        Assert.False(grammar.Accepts(reply.Replace("Lyon", "Lyon, the city of two rivers", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("<|tools_prefix|> <|inner_prefix|>",
        "<|tools_prefix|>[{\"get_weather\": {\"city\": \"Lyon\", \"unit\": \"c\"}}, {\"now\": {}}]<|tools_suffix|>")]
    [InlineData("<|tools_prefix|> <|inner_prefix|>",
        "<|inner_prefix|>It asks.<|tools_prefix|>[{\"get_weather\": {\"city\": \"Lyon\", \"unit\": \"c\"}}]<|tools_suffix|>")]
    [InlineData(">>>all", "get_weather\n{\"city\": \"Lyon\", \"unit\": \"c\"}>>>now\n{}")]
    [InlineData("｜DSML｜function_calls> <think>",
        "<think>It asks.</think>\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" string=\"true\">Lyon"
        + "</｜DSML｜parameter>\n<｜DSML｜parameter name=\"unit\" string=\"true\">c</｜DSML｜parameter>\n"
        + "<｜DSML｜parameter name=\"days\" string=\"false\">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name=\"now\">\n</｜DSML｜invoke>\n"
        + "</｜DSML｜function_calls>")]
    [InlineData("｜DSML｜ tool_calls>",
        "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" string=\"true\">Lyon</｜DSML｜parameter>\n"
        + "<｜DSML｜parameter name=\"note\" string=\"false\">null</｜DSML｜parameter>\n<｜DSML｜parameter name=\"unit\" string=\"true\">c</｜DSML｜parameter>\n"
        + "</｜DSML｜invoke>\n</｜DSML｜tool_calls>")]
    public void Calls_of_a_family_are_accepted_as_its_template_writes_them(string template, string reply)
    {
        ReplyFormat format = ReplyFormat.FromTemplate(template);
        foreach (ChatToolMode mode in (ChatToolMode[])[ChatToolMode.Auto, ChatToolMode.RequireAny])
        {
            Grammar grammar = Grammar.ForToolCalls(format, s_tools, mode);
            Assert.True(grammar.Accepts(reply));
            Assert.False(grammar.Accepts(reply.Replace("get_weather", "get_whether", StringComparison.Ordinal)));
            Assert.False(grammar.Accepts(reply.Replace("Lyon", "Lyon, the city of two rivers", StringComparison.Ordinal)));
        }
        Assert.NotEmpty(Calls(format, reply, mayHaveText: false));
    }

    [Theory]
    [InlineData("city", "true", "Lyon", true)]
    [InlineData("city", "false", "\"Lyon\"", false)]
    [InlineData("days", "true", "3", false)]
    [InlineData("days", "false", "3", true)]
    [InlineData("days", "false", "8", false)]
    [InlineData("note", "true", "null", true)]
    [InlineData("note", "false", "null", true)]
    [InlineData("note", "true", "\r\na\n</｜DSML｜param</｝\n", true)]
    [InlineData("note", "no", "a", false)]
    public void A_tag_says_whether_a_value_is_a_text_as_the_schema_allows(string name, string isText, string value, bool isAccepted)
    {
        ReplyFormat format = ReplyFormat.FromTemplate("｜DSML｜");
        Grammar grammar = Grammar.ForToolCalls(format, s_tools, ChatToolMode.RequireAny);
        string rest = name == "city" ? "" : "<｜DSML｜parameter name=\"city\" string=\"true\">Lyon</｜DSML｜parameter>";
        string reply = $"<｜DSML｜tool_calls><｜DSML｜invoke name=\"get_weather\">{rest}<｜DSML｜parameter name=\"unit\" string=\"true\">c</｜DSML｜parameter>"
            + $"<｜DSML｜parameter name=\"{name}\" string=\"{isText}\">{value}</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜tool_calls>";
        Assert.Equal(isAccepted, grammar.Accepts(reply));
        if (!isAccepted)
            return;
        JsonElement read = JsonDocument.Parse(Assert.Single(Calls(format, reply, mayHaveText: false)).Arguments).RootElement.GetProperty(name);
        Assert.Equal(isText == "true" ? value : null, read.ValueKind == JsonValueKind.String ? read.GetString() : null);
    }

    [Fact]
    public void Where_a_message_says_whom_it_is_for_an_answer_does_so_too()
    {
        ReplyFormat format = ReplyFormat.FromTemplate(">>>all");
        Grammar grammar = Grammar.ForToolCalls(format, s_tools);
        Assert.True(grammar.Accepts("all\nI look.>>>now\n{}"));
        Assert.True(grammar.Accepts("all\nHello."));
        Assert.False(grammar.Accepts("Hello."));
        Assert.False(grammar.Accepts("all\nI look.>>>then\n{}"));
        Assert.False(Grammar.ForToolCalls(format, s_tools, ChatToolMode.RequireAny).Accepts("all\nHello."));
        Assert.False(Grammar.ForToolCalls(format, s_tools, ChatToolMode.None).Accepts("now\n{}"));
        Assert.Contains("'all'", Assert.Throws<GrammarException>(() => Grammar.ForToolCalls(format, [Tool("all", "{}")])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_enforced_is_an_error_that_names_the_tool()
    {
        ReplyFormat hermes = ReplyFormat.FromTemplate(null);
        GrammarException format = Refused(hermes, Tool("f", """{ "properties": { "a": { "format": "odd" } } }"""));
        Assert.Contains("'f'", format.Message, StringComparison.Ordinal);
        Assert.Contains("#/properties/a/format", format.Message, StringComparison.Ordinal);
        Assert.Contains("allows no value", Refused(hermes, Tool("f", """{ "type": "string" }""")).Message, StringComparison.Ordinal);
        Assert.Contains("name", Refused(hermes, Tool("a b", "{}")).Message, StringComparison.Ordinal);
        Assert.Contains("template", Refused(ReplyFormat.Plain, Tool("f", "{}")).Message, StringComparison.Ordinal);
        Assert.Throws<GrammarException>(() => Grammar.ForToolCalls(hermes, s_tools, ChatToolMode.RequireSpecific("other")));
        Assert.Throws<GrammarException>(() => Grammar.ForToolCalls(hermes, [], ChatToolMode.RequireAny));
        Assert.Throws<ArgumentException>(() => Grammar.ForToolCalls(hermes, [s_tools[0], s_tools[0]]));
        Assert.True(Grammar.ForToolCalls(ReplyFormat.Plain, []).Accepts("Anything {"));

        static GrammarException Refused(ReplyFormat format, AIFunctionDeclaration tool) =>
            Assert.Throws<GrammarException>(() => Grammar.ForToolCalls(format, [tool]));
    }

    [Fact]
    public void A_reply_that_begins_within_reasoning_leaves_it_before_it_calls()
    {
        Grammar grammar = Grammar.ForToolCalls(ReplyFormat.FromTemplate(null), s_tools, ChatToolMode.RequireAny, opensReasoning: true);
        const string Call = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
        Assert.True(grammar.Accepts("A call is <tool_call>.\n</think>\n\n" + Call));
        Assert.False(grammar.Accepts(Call));
        Assert.False(grammar.Accepts("Hm.</think>Well. " + Call));
    }

    private static AIFunctionDeclaration Tool(string name, string schema) =>
        AIFunctionFactory.CreateDeclaration(name, null, JsonDocument.Parse(schema).RootElement);

    // What an answer begins with.
    private static string Answer(ReplyFormat format) => format.Name == "functionary" ? "all\n" : "";

    private static List<ReplyEvent> Read(ReplyFormat format, string text)
    {
        string prompt = Answer(format).Length > 0 ? format.Calls!.Openers[0] : "";
        ReplyParser parser = new(format, prompt, s_tools.ToDictionary(static tool => tool.Name, static tool => tool.JsonSchema));
        return [.. parser.Append(text).ToArray(), .. parser.Complete().ToArray()];
    }

    private static List<ToolCall> Calls(ReplyFormat format, string text, bool mayHaveText)
    {
        List<ReplyEvent> events = Read(format, text);
        StringBuilder wrong = new();
        foreach (ToolCall call in events.OfType<ToolCall>())
        {
            if (s_tools.FirstOrDefault(tool => tool.Name == call.Name) is not { } tool)
            {
                wrong.AppendLine(CultureInfo.InvariantCulture, $"no tool: {call}");
                continue;
            }
            using JsonDocument document = JsonDocument.Parse(call.Arguments, new() { AllowDuplicateProperties = false });
            if (!JsonSchema.FromText(tool.JsonSchema.GetRawText()).Evaluate(document.RootElement).IsValid)
                wrong.AppendLine(CultureInfo.InvariantCulture, $"not valid: {call}");
        }
        if (!mayHaveText && events.OfType<ReplyText>().Any(static one => !string.IsNullOrWhiteSpace(one.Text)))
            wrong.AppendLine(CultureInfo.InvariantCulture, $"text: {string.Join(' ', events.OfType<ReplyText>())}");
        Assert.True(wrong.Length == 0, $"{wrong}{text}");
        return [.. events.OfType<ToolCall>()];
    }

    /// <summary>A text of random tokens behind a given beginning.</summary>
    private static string Walk(Grammar grammar, string begin, int seed, int more)
    {
        TokenVocabulary vocabulary = Vocabularies.Small;
        TokenConstraint constraint = grammar.Start(vocabulary);
        List<byte> bytes = [.. Encoding.UTF8.GetBytes(begin)];
        Assert.All(bytes, value => Assert.True(constraint.Accept(value)));
        int budget = constraint.Rest + more;
        Random random = new(seed);
        ulong[] mask = new ulong[vocabulary.Words];
        while (!constraint.HasEnded)
        {
            constraint.Mask(mask, budget--);
            int[] tokens = [.. Enumerable.Range(0, vocabulary.Count).Where(token => (mask[token >> 6] >> (token & 63) & 1) == 1)];
            Assert.True(tokens.Length > 0, $"no way on behind {Encoding.UTF8.GetString([.. bytes])}");
            int token = tokens[random.Next(tokens.Length)];
            Assert.True(constraint.Accept(token), $"token {token} behind {Encoding.UTF8.GetString([.. bytes])}");
            bytes.AddRange(vocabulary.Bytes(token));
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }
}
