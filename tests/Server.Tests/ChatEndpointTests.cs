using System.Text;
using System.Text.Json.Nodes;

namespace MeKi.Server.Tests;

/// <summary>What <c>/v1/chat/completions</c> makes of each of its fields.</summary>
public sealed class ChatEndpointTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private const string Path = "/v1/chat/completions", User = """ "messages":[{"role":"user","content":"Who is there?"}] """;

    private const string Weather =
        """
        {"type":"function","function":{"name":"weather","description":"Tells it.","parameters":{"type":"object",
         "properties":{"place":{"type":"string","enum":["Verona"]}},"required":["place"],"additionalProperties":false}}}
        """;

    private const string Time =
        """
        {"type":"function","function":{"name":"time","parameters":{"type":"object",
         "properties":{"hour":{"type":"integer","enum":[3]}},"required":["hour"],"additionalProperties":false}}}
        """;

    [Fact]
    public async Task An_answer_has_the_members_that_clients_read()
    {
        JsonNode answer = await AskAsync(""","max_completion_tokens":6,"max_tokens":2,"temperature":0""");
        Assert.Equal(["id", "object", "created", "model", "system_fingerprint", "choices", "usage", "timings"], Names(answer));
        JsonNode choice = answer["choices"]![0]!;
        Assert.Equal(["index", "message", "logprobs", "finish_reason"], Names(choice));
        Assert.Equal(["role", "content", "refusal"], Names(choice["message"]!));
        Assert.Equal((6, "length", null), ((int)answer["usage"]!["completion_tokens"]!, (string?)choice["finish_reason"], choice["logprobs"]));
        Assert.Equal((int)answer["usage"]!["prompt_tokens"]! + 6, (int)answer["usage"]!["total_tokens"]!);
    }

    [Fact]
    public async Task Log_probabilities_tell_tokens_their_bytes_and_the_likeliest()
    {
        JsonNode answer = await AskAsync(""","max_tokens":5,"temperature":0,"logprobs":true,"top_logprobs":3""");
        JsonArray logs = answer["choices"]![0]!["logprobs"]!["content"]!.AsArray();
        Assert.Equal(5, logs.Count);
        Assert.Equal((string?)answer["choices"]![0]!["message"]!["content"], string.Concat(logs.Select(each => (string?)each!["token"])));
        foreach (JsonNode? each in logs)
        {
            Assert.Equal((string?)each!["token"], Encoding.UTF8.GetString([.. each["bytes"]!.AsArray().Select(one => (byte)(int)one!)]));
            Assert.Equal(3, each["top_logprobs"]!.AsArray().Count);
            // Greedy: the likeliest is the one that was taken.
            Assert.Equal((double)each["logprob"]!, (double)each["top_logprobs"]![0]!["logprob"]!);
        }
        Assert.Empty((await AskAsync(""","max_tokens":1,"logprobs":true"""))["choices"]![0]!["logprobs"]!["content"]![0]!["top_logprobs"]!.AsArray());
    }

    [Fact]
    public async Task Several_answers_of_one_seed_differ_and_come_again()
    {
        const string Fields = ""","n":3,"max_tokens":12,"temperature":1.5,"seed":7""";
        string[] texts = Texts(await AskAsync(Fields));
        Assert.Equal(3, texts.Distinct().Count());
        Assert.Equal(texts, Texts(await AskAsync(Fields)));
        Assert.NotEqual(texts, Texts(await AskAsync(Fields.Replace("7", "9007199254740993", StringComparison.Ordinal))));

        static string[] Texts(JsonNode answer) => [.. answer["choices"]!.AsArray().Select(each => (string)each!["message"]!["content"]!)];
    }

    [Theory]
    [InlineData("""["lor","zz"]""")]
    [InlineData("\"lor\"")]
    public async Task Texts_end_before_a_stop(string stop)
    {
        using HttpClient client = await server.InProcessAsync(TalkingTemplate.Options);
        JsonNode answer = await client.AskAsync(Path, $$"""{ {{User}},"regex":"Yes, my lord","stop":{{stop}} }""");
        Assert.Equal("Yes, my ", (string?)answer["choices"]![0]!["message"]!["content"]);
        Assert.Equal("stop", (string?)answer["choices"]![0]!["finish_reason"]);
    }

    [Fact]
    public async Task A_stream_begins_with_a_role_and_ends_with_a_reason_and_with_usage_where_it_is_wanted()
    {
        using HttpClient client = await server.InProcessAsync(TalkingTemplate.Options);
        string request = $$"""{ {{User}},"stream":true,"regex":"<think>Hm\\.</think>Yes, my lord\\.","stream_options":{"include_usage":true} }""";
        JsonNode[] parts = await client.StreamAsync(Path, request);
        Assert.Equal("assistant", (string?)parts[0]["choices"]![0]!["delta"]!["role"]);
        Assert.Empty(parts[^1]["choices"]!.AsArray());
        Assert.True((int)parts[^1]["usage"]!["completion_tokens_details"]!["reasoning_tokens"]! > 0);
        Assert.Equal("stop", (string?)parts[^2]["choices"]![0]!["finish_reason"]);
        Assert.Equal("Yes, my lord.", string.Concat(parts[..^1].Select(each => each["choices"]![0]!["delta"]!["content"])));
        Assert.Equal("Hm.", string.Concat(parts[..^1].Select(each => each["choices"]![0]!["delta"]!["reasoning_content"])));
        Assert.Single(parts.Select(each => (string?)each["id"]).Distinct());
        JsonNode whole = await client.AskAsync(Path, request.Replace("\"stream\":true,", "", StringComparison.Ordinal));
        Assert.Equal(("Hm.", "Yes, my lord."),
            ((string?)whole["choices"]![0]!["message"]!["reasoning_content"], (string?)whole["choices"]![0]!["message"]!["content"]));
    }

    [Theory]
    [InlineData("\"required\"", true)]
    [InlineData("""{"type":"function","function":{"name":"time"}}""", true)]
    [InlineData("\"none\"", false)]
    public async Task The_choice_of_a_tool_is_obeyed(string choice, bool isCall)
    {
        using HttpClient client = await server.InProcessAsync(TalkingTemplate.WithoutReasoning);
        string fields = $$"""
            {{User}},"tools":[{{Weather}},{{Time}}],"tool_choice":{{choice}},"parallel_tool_calls":false,"max_tokens":300,{{server.WithoutSpace}}
            """;
        JsonNode answer = (await client.AskAsync(Path, $"{{{fields}}}"))["choices"]![0]!;
        JsonArray? calls = answer["message"]!["tool_calls"]?.AsArray();
        Assert.Equal(isCall, calls is not null);
        if (calls is null)
            return;
        JsonNode function = Assert.Single(calls)!["function"]!;
        Assert.Equal("tool_calls", (string?)answer["finish_reason"]);
        Assert.True(answer["message"]!.AsObject().TryGetPropertyValue("content", out JsonNode? content) && content is null);
        if (choice[0] == '{')
            Assert.Equal("time", (string?)function["name"]);
        JsonObject arguments = JsonNode.Parse((string)function["arguments"]!)!.AsObject();
        Assert.Equal((string?)function["name"] == "time" ? "3" : "Verona", arguments.First().Value!.ToString());
        JsonNode[] parts = await client.StreamAsync(Path, $$"""{ {{fields}},"stream":true }""");
        JsonNode call = Assert.Single(parts.Select(each => each["choices"]![0]!["delta"]!["tool_calls"]).OfType<JsonArray>())[0]!;
        Assert.Equal((0, "function"), ((int)call["index"]!, (string?)call["type"]));
        Assert.Equal("tool_calls", (string?)parts[^1]["choices"]![0]!["finish_reason"]);
    }

    [Theory]
    [InlineData("""{"type":"json_object"}""")]
    [InlineData("""{"type":"json_object","schema":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}}""")]
    [InlineData("""{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{"type":"object","required":["a"],"properties":{"a":{}}}}}""")]
    public async Task An_answer_has_the_form_that_is_asked_for(string format)
    {
        JsonNode answer = await AskAsync($$""","max_tokens":120,"temperature":1,"seed":3,"response_format":{{format}}""");
        JsonObject json = JsonNode.Parse((string)answer["choices"]![0]!["message"]!["content"]!)!.AsObject();
        if (format.Contains("\"a\"", StringComparison.Ordinal))
            Assert.True(json.ContainsKey("a"));
    }

    [Theory]
    [InlineData(""","n":"2" """, "n")]
    [InlineData(""","n":1.5""", "n")]
    [InlineData(""","stream":"yes" """, "stream")]
    [InlineData(""","stream_options":true""", "stream_options")]
    [InlineData(""","stop":5""", "stop")]
    [InlineData(""","stop":["a",5]""", "stop[1]")]
    [InlineData(""","seed":1.5""", "seed")]
    [InlineData(""","seed":"1" """, "seed")]
    [InlineData(""","temperature":"1" """, "temperature")]
    [InlineData(""","temperature":1e300""", "temperature")]
    [InlineData(""","top_p":2""", "top_p")]
    [InlineData(""","presence_penalty":3""", "presence_penalty")]
    [InlineData(""","frequency_penalty":[]""", "frequency_penalty")]
    [InlineData(""","logprobs":2""", "logprobs")]
    [InlineData(""","top_logprobs":2""", "top_logprobs")]
    [InlineData(""","logprobs":true,"top_logprobs":21""", "top_logprobs")]
    [InlineData(""","logit_bias":[[1]]""", "logit_bias[0]")]
    [InlineData(""","logit_bias":{"1":"x"}""", "logit_bias.1")]
    [InlineData(""","max_completion_tokens":-1""", "max_completion_tokens")]
    [InlineData(""","tools":{}""", "tools")]
    [InlineData(""","tools":[{"type":"code_interpreter"}]""", "tools[0].type")]
    [InlineData(""","tools":[{"type":"function","function":{}}]""", "tools[0].function.name")]
    [InlineData(""","tools":[{"type":"function","function":{"name":"a","parameters":[]}}]""", "tools[0].function.parameters")]
    [InlineData(""","tool_choice":"sometimes" """, "tool_choice")]
    [InlineData(""","tool_choice":{"type":"allowed_tools"}""", "tool_choice.type")]
    [InlineData(""","tool_choice":{"type":"function","function":{"name":"b"}}""", "tool_choice")]
    [InlineData(""","response_format":"json" """, "response_format")]
    [InlineData(""","response_format":{"type":"xml"}""", "response_format.type")]
    [InlineData(""","response_format":{"type":"json_schema"}""", "response_format.json_schema")]
    [InlineData(""","response_format":{"type":"json_schema","json_schema":{"schema":5}}""", "response_format.json_schema.schema")]
    [InlineData(""","reasoning_effort":"vast" """, "reasoning_effort")]
    [InlineData(""","functions":[]""", "functions")]
    [InlineData(""","modalities":["audio"]""", "modalities[0]")]
    [InlineData(""","chat_template_kwargs":[]""", "chat_template_kwargs")]
    public async Task A_field_of_the_wrong_kind_is_refused_by_name(string fields, string parameter)
    {
        using HttpClient client = await server.InProcessAsync();
        (int status, string? code, string? named) = await client.RefusedAsync(Path, Asking.Json($"{{{User}{fields}}}"));
        Assert.Equal((400, parameter), (status, named));
        Assert.NotNull(code);
    }

    [Fact]
    public async Task Fields_that_are_null_or_not_known_are_passed_over() => await AskAsync(
        """
        ,"max_tokens":1,"stop":null,"tools":null,"tool_choice":null,"response_format":null,"logit_bias":null,"stream_options":null,"n":null,"seed":null,
        "user":"a","metadata":{"a":"b"},"store":false,"service_tier":"auto","lora":null,"whatever":{"is":["it"]}
        """);

    [Fact]
    public async Task Of_a_name_that_stands_twice_the_last_one_counts()
    {
        JsonNode answer = await AskAsync(""","max_tokens":9,"max_tokens":2""");
        Assert.Equal(2, (int)answer["usage"]!["completion_tokens"]!);
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"\ud800"}]}""", "messages[0].content")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"a","parameters":{"\udc00":1}}}]}""",
        "tools[0].function.parameters")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"enum":["\uD800"]}}}}""",
        "response_format.json_schema.schema.enum[0]")]
    public async Task Half_of_a_surrogate_pair_is_refused_wherever_it_stands(string body, string parameter)
    {
        using HttpClient client = await server.InProcessAsync();
        Assert.Equal((400, "invalid_value", parameter), await client.RefusedAsync(Path, Asking.Json(body)));
    }

    [Fact]
    public async Task Bytes_that_are_no_text_and_JSON_that_is_too_deep_are_refused()
    {
        using HttpClient client = await server.InProcessAsync();
        byte[] bytes = [.. """{"messages":[{"role":"user","content":"a"""u8, 0xFF, .. "\"}]}"u8];
        Assert.Equal((400, "invalid_json"), Two(await client.RefusedAsync(Path, new ByteArrayContent(bytes))));
        bytes = [.. """{"logit_bias":{"a"""u8, 0xC3, .. "\":1}}"u8];
        Assert.Equal((400, "invalid_json"), Two(await client.RefusedAsync(Path, new ByteArrayContent(bytes))));
        string deep = new('[', 100_000);
        Assert.Equal((400, "invalid_json"), Two(await client.RefusedAsync(Path, Asking.Json($$"""{"messages":{{deep}}"""))));
        // What some editors put before a text is passed over.
        bytes = [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes($$"""{ {{User}},"max_tokens":1 }""")];
        using HttpResponseMessage marked = await client.PostAsync(Path, new ByteArrayContent(bytes));
        Assert.True(marked.IsSuccessStatusCode);

        static (int, string?) Two((int Status, string? Code, string?) refusal) => (refusal.Status, refusal.Code);
    }

    private async Task<JsonNode> AskAsync(string fields)
    {
        using HttpClient client = await server.InProcessAsync();
        return await client.AskAsync(Path, $"{{{User}{fields}}}");
    }

    private static string[] Names(JsonNode node) => [.. node.AsObject().Select(each => each.Key)];
}
