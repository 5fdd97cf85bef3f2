namespace MeKi.Model.Replies;

/// <summary>What chat templates contain, and what their models write.</summary>
internal static class ReplyFamilies
{
    public static readonly ReasoningMarks Think = new(["<think>"], ["</think>"]);

    public static readonly JsonCalls Hermes = new() { Openers = ["<tool_call>"], NextOpeners = ["{"], Closers = ["</tool_call>"] };

    private static readonly ReasoningMarks[] Reasoning =
    [
        Think,
        new(["[THINK]"], ["[/THINK]"]),
        new(["<|START_THINKING|>"], ["<|END_THINKING|>"]),
        new(["<seed:think>"], ["</seed:think>"]),
        new(["<thought>"], ["</thought>"]),
        new(["◁think▷"], ["◁/think▷"]),
        new(["<|channel>thought", "<|channel>"], ["<channel|>"]),
        new(["<|inner_prefix|>"], ["<|inner_suffix|>"], HasCalls: true),
    ];

    // The first whose mark a template contains: those that contain others' marks come first.
    private static readonly (string Name, string[] Marks, CallSyntax Calls)[] Families =
    [
        ("gemma-4", ["<|tool_call>"], new GemmaCalls { Openers = ["<|tool_call>"], Closers = ["<tool_call|>"] }),
        ("gpt-oss", ["<|channel|>"], new HarmonyMessages { Openers = ["<|start|>", "<|channel|>"], StartOpeners = ["to="] }),
        ("functionary", [">>>all"], new RecipientMessages { Openers = [">>>"] }),
        ("seed-oss", ["<seed:tool_call>"], Functions("<seed:tool_call>", "</seed:tool_call>")),
        ("minimax", ["<minimax:tool_call>"], Attributes("<minimax:tool_call>", "</minimax:tool_call>", "invoke", "parameter")),
        ("deepseek", ["｜DSML｜function_calls>", "dsml_token + 'function_calls>", "dsml_token }}function_calls>"], Dsml("function_calls")),
        ("deepseek", ["｜DSML｜"], Dsml("tool_calls")),
        ("minicpm", ["<function name=", "<param name="], Attributes(null, null, "function", "param")),
        ("qwen-coder", ["<function=", "<parameter="], Functions("<tool_call>", "</tool_call>")),
        ("glm", ["<arg_key>"], new XmlCalls
        {
            Openers = ["<tool_call>"],
            FunctionOpen = "<tool_call>",
            FunctionClose = "</tool_call>",
            ParameterOpen = "<arg_key>",
            ParameterNameEnds = ["</arg_key>", "<arg_value>"],
            ParameterClose = "</arg_value>",
        }),
        ("mistral", ["[CALL_ID]"], Mistral(isNamed: true, hasId: true)),
        ("mistral", ["[ARGS]"], Mistral(isNamed: true)),
        ("mistral", ["[TOOL_CALLS]"], Mistral()),
        ("deepseek", ["tool['type'] + '<｜tool▁sep｜>'"], DeepSeek(isFenced: true)),
        ("deepseek", ["<｜tool▁call▁begin｜>"], DeepSeek()),
        ("kimi", ["<|tool_call_argument_begin|>"], new MarkedCalls
        {
            Openers = ["<|tool_calls_section_begin|>", "<|tool_call_begin|>"],
            Separator = "<|tool_call_argument_begin|>",
            BeforeName = "functions.",
            Closers = ["<|tool_call_end|>", "<|tool_calls_section_end|>"],
        }),
        ("command-r", ["<|START_ACTION|>"], new JsonCalls
        {
            Openers = ["<|START_ACTION|>"],
            Closers = ["<|END_ACTION|>"],
            IsList = true,
            NumberKey = "tool_call_id",
            NameKey = "tool_name",
            ArgumentsKey = "parameters",
        }),
        ("lfm2", ["<|tool_call_start|>", "<|tool_list_start|>"], new PythonCalls { Openers = ["<|tool_call_start|>"], Closers = ["<|tool_call_end|>"] }),
        ("granite", ["<|tool_call|>"], Lists()),
        ("phi", ["<|/tool|>", "functools["], Lists()),
        ("apertus", ["<|tools_prefix|>"], new JsonCalls
        {
            Openers = ["<|tools_prefix|>"],
            Closers = ["<|tools_suffix|>"],
            IsList = true,
            IsKeyed = true,
        }),
        ("nemotron", ["<TOOLCALL>"], new JsonCalls { Openers = ["<TOOLCALL>"], Closers = ["</TOOLCALL>"], IsList = true }),
        ("hermes", ["<tool_call>"], Hermes),
        ("llama-3", ["<|python_tag|>", "ipython", "{\"name\": function name"], new PythonCalls
        {
            Openers = ["<|python_tag|>"],
            StartOpeners = ["{"],
            Between = $"{ReplySpace.Characters};,",
            IsMethod = true,
            ArgumentsKey = "parameters",
        }),
    ];

    // Of a turn's other markers those that may stand within or behind a reply. A generation ends at most of them; a special token's text may come all the same.
    private static readonly string[] Noise =
    [
        "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|return|>", "<|call|>", "<|end_of_text|>", "<|END_OF_TURN_TOKEN|>", "<|START_RESPONSE|>",
        "<|END_RESPONSE|>", "<｜end▁of▁sentence｜>", "<end_of_turn>", "<turn|>", "<|tool_response>", "<|observation|>", "<response>", "</response>",
        "<|assistant_end|>",
    ];

    public static (string Name, CallSyntax? Calls) CallsOf(string template)
    {
        foreach ((string name, string[] marks, CallSyntax calls) in Families)
        {
            if (marks.Any(mark => template.Contains(mark, StringComparison.Ordinal)))
                return (name, calls);
        }
        return ("plain", null);
    }

    public static ReasoningMarks[] ReasoningOf(string template) =>
        [.. Reasoning.Where(marks => marks.Opens.Concat(marks.Closes).Any(mark => template.Contains(mark, StringComparison.Ordinal)))];

    public static string[] NoiseOf(string template) => [.. Noise.Where(each => template.Contains(each, StringComparison.Ordinal))];

    // Granite 3 and Phi-4: a list of JSON objects behind one of several markers.
    private static JsonCalls Lists() => new()
    {
        Openers = ["<|tool_call|>", "<tool_call>", "functools"],
        NextOpeners = ["{"],
        Closers = ["<|/tool_call|>", "</tool_call>"],
        IsList = true,
    };

    private static MistralCalls Mistral(bool isNamed = false, bool hasId = false) =>
        new() { Openers = ["[TOOL_CALLS]"], Closers = ["[/TOOL_CALLS]"], IsList = !isNamed, IsNamed = isNamed, HasId = hasId };

    private static MarkedCalls DeepSeek(bool isFenced = false) => new()
    {
        Openers = ["<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>"],
        Separator = "<｜tool▁sep｜>",
        BeforeName = isFenced ? "function<｜tool▁sep｜>" : "",
        IsFenced = isFenced,
        Closers = ["<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"],
    };

    // <function=name><parameter=key>value</parameter></function>
    private static XmlCalls Functions(string open, string close) => new()
    {
        Openers = [open, "<function="],
        FunctionOpen = "<function=",
        FunctionNameEnd = ">",
        FunctionClose = "</function>",
        ParameterOpen = "<parameter=",
        ParameterNameEnds = [">"],
        ParameterClose = "</parameter>",
        Closers = [close],
    };

    // DeepSeek V3.2 and V4: the same tags as below, each with a token in it, and whether a value is a text.
    private static XmlCalls Dsml(string block) => new()
    {
        Openers = [$"<｜DSML｜{block}>", "<｜DSML｜invoke name="],
        FunctionOpen = "<｜DSML｜invoke name=",
        FunctionNameEnd = ">",
        FunctionClose = "</｜DSML｜invoke>",
        ParameterOpen = "<｜DSML｜parameter name=",
        ParameterNameEnds = [">"],
        TextAttribute = "string",
        ParameterClose = "</｜DSML｜parameter>",
        Closers = [$"</｜DSML｜{block}>"],
        Tokens = ["｜DSML｜"],
    };

    // <invoke name="name"><parameter name="key">value</parameter></invoke>
    private static XmlCalls Attributes(string? open, string? close, string function, string parameter) => new()
    {
        Openers = [.. open is null ? Array.Empty<string>() : [open], $"<{function} name="],
        FunctionOpen = $"<{function} name=",
        FunctionNameEnd = ">",
        FunctionClose = $"</{function}>",
        ParameterOpen = $"<{parameter} name=",
        ParameterNameEnds = [">"],
        ParameterClose = $"</{parameter}>",
        Closers = close is null ? [] : [close],
    };
}
