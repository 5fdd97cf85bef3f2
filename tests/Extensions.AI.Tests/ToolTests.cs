using System.Text.Json.Nodes;
using MeKi.Model.Generation;
using MeKi.Model.Grammars;
using MeKi.Model.Templates;
using Microsoft.Extensions.AI;

namespace MeKi.Extensions.AI.Tests;

[Collection(TalkingModel.Collection)]
public sealed class ToolTests(TalkingModel talking)
{
    private static readonly AIFunction Weather = AIFunctionFactory.Create((string city, int days) => city, "weather");
    private static readonly AIFunction Time = AIFunctionFactory.Create((bool utc) => "", "time");

    private readonly MeKiChatClient _client = talking.Client;

    [Fact]
    public async Task A_call_that_must_be_is_and_its_arguments_are_valid()
    {
        for (int seed = 0; seed < 3; seed++)
        {
            ChatResponse response = await Asked(new() { ToolMode = ChatToolMode.RequireAny, Seed = seed, AllowMultipleToolCalls = seed != 0 });
            FunctionCallContent[] calls = [.. response.Messages[0].Contents.OfType<FunctionCallContent>()];
            Assert.NotEmpty(calls);
            Assert.Equal("", response.Text);
            // The functions' schemas forbid no further arguments.
            Assert.All(calls,
                call => Assert.All((string[])(call.Name == "weather" ? ["city", "days"] : ["utc"]), name => Assert.Contains(name, call.Arguments!)));
        }
    }

    [Fact]
    public async Task The_tool_that_must_be_called_is()
    {
        ChatResponse response = await Asked(new() { ToolMode = ChatToolMode.RequireSpecific("time"), AllowMultipleToolCalls = false });
        Assert.Equal("time", Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>()).Name);
    }

    [Fact]
    public async Task One_call_is_all_there_is_where_several_are_not_allowed()
    {
        const string Call = "<tool_call>\n{\"name\": \"time\", \"arguments\": {\"utc\": true}}\n</tool_call>";
        Assert.Equal(2, (await Said(Call + "\n" + Call, new())).Messages[0].Contents.Count);
        await Assert.ThrowsAsync<InvalidOperationException>(() => Said(Call + "\n" + Call, new() { AllowMultipleToolCalls = false }));
    }

    [Fact]
    public async Task No_tool_is_called_where_none_may_be()
    {
        const string Call = "<tool_call>{\"name\": \"time\", \"arguments\": {\"utc\": true}}</tool_call>";
        await Assert.ThrowsAsync<InvalidOperationException>(() => Said(Call, new() { ToolMode = ChatToolMode.None }));
        Assert.Equal("No.", (await Said("No.", new() { ToolMode = ChatToolMode.None })).Text);
    }

    [Fact]
    public async Task A_tool_that_there_is_not_cannot_be_called()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => Said("<tool_call>{\"name\": \"other\", \"arguments\": {}}</tool_call>", new()));
        await Assert.ThrowsAsync<GrammarException>(() => Asked(new() { ToolMode = ChatToolMode.RequireSpecific("other") }));
        await Assert.ThrowsAsync<GrammarException>(() => _client.GetResponseAsync("A", new() { ToolMode = ChatToolMode.RequireAny }));
    }

    [Fact]
    public async Task An_answer_of_a_form_may_be_a_call_or_come_behind_reasoning()
    {
        ChatOptions form = new()
        {
            ResponseFormat = ChatResponseFormat.ForJsonSchema(System.Text.Json.JsonElement.Parse("""{"enum": [{"a": 1}, {"b": 2}]}""")),
        };
        Assert.IsType<FunctionCallContent>(Assert.Single((await Said(
            "<tool_call>{\"name\": \"time\", \"arguments\": {\"utc\": true}}</tool_call>", form.Clone())).Messages[0].Contents));
        ChatResponse thought = await Said("<think>Hm.</think>{\"a\": 1}", form.Clone());
        Assert.Equal("Hm.", Assert.IsType<TextReasoningContent>(thought.Messages[0].Contents[0]).Text);
        Assert.Equal(1, JsonNode.Parse(thought.Text)!["a"]!.GetValue<int>());
        await Assert.ThrowsAsync<InvalidOperationException>(() => Said("<think>Hm.</think>Yes.", form.Clone()));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Said("Yes.", form.Clone()));
        Assert.Equal(2, JsonNode.Parse((await _client.GetResponseAsync("A", talking.Saying("{\"b\": 2}", form.Clone()))).Text)!["b"]!.GetValue<int>());
    }

    [Fact]
    public async Task Reasoning_that_the_template_has_opened_ends_before_the_form_begins()
    {
        MeKiChatClient client = new(talking.Model, null, ChatTemplate.Parse(TalkingModel.Source + "<think>"));
        ChatOptions form = new() { ResponseFormat = ChatResponseFormat.Json };
        ChatResponse response = await client.GetResponseAsync("A", talking.Saying("Hm.</think>{\"a\": 1}", form));
        Assert.Equal(("Hm.", 1), (((TextReasoningContent)response.Messages[0].Contents[0]).Text, JsonNode.Parse(response.Text)!["a"]!.GetValue<int>()));
        form.Reasoning = new() { Effort = ReasoningEffort.None };
        Assert.Equal(1, JsonNode.Parse((await client.GetResponseAsync("A", talking.Saying("{\"a\": 1}", form))).Text)!["a"]!.GetValue<int>());
    }

    [Fact]
    public async Task A_grammar_and_a_form_are_one_too_many() => await Assert.ThrowsAsync<ArgumentException>(() => _client.GetResponseAsync("A", new()
    {
        ResponseFormat = ChatResponseFormat.Json,
        RawRepresentationFactory = _ => new GenerationOptions { Grammar = Grammar.Json },
    }));

    private Task<ChatResponse> Asked(ChatOptions options)
    {
        (options.Tools, options.MaxOutputTokens) = ([Weather, Time], 200);
        return _client.GetResponseAsync("A", options);
    }

    private Task<ChatResponse> Said(string answer, ChatOptions options)
    {
        options.Tools = [Weather, Time];
        return _client.GetResponseAsync("A", talking.Saying(answer, options));
    }
}
