using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using OpenAI;
using OpenAI.Responses;

namespace MeKi.Server.Tests;

#pragma warning disable OPENAI001, SCME0001 // The client's own class for this endpoint, and its way to add a field, are called experimental.

/// <summary>OpenAI's own .NET client at <c>/v1/responses</c>.</summary>
public sealed class OpenAIResponsesTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private const string Name = "tiny-meki";

    private const string Place =
        """{"type":"object","properties":{"place":{"type":"string","enum":["Verona"]}},"required":["place"],"additionalProperties":false}""";

    [Fact]
    public async Task A_text_is_answered_with_usage()
    {
        ResponsesClient client = await ClientAsync();
        ResponseResult answer = await client.CreateResponseAsync(Saying("Yes, my lord\\.", "Who is there?"));
        Assert.Equal("Yes, my lord.", answer.GetOutputText());
        Assert.Equal((ResponseStatus.Completed, Name), (answer.Status, answer.Model));
        Assert.True(answer.Usage.OutputTokenCount > 0);
        Assert.Equal(answer.Usage.InputTokenCount + answer.Usage.OutputTokenCount, answer.Usage.TotalTokenCount);
        Assert.Null(answer.PreviousResponseId);
    }

    [Fact]
    public async Task What_the_limit_cuts_is_incomplete()
    {
        ResponsesClient client = await ClientAsync();
        ResponseResult answer = await client.CreateResponseAsync(
            new(Name, [ResponseItem.CreateUserMessageItem("Speak!")]) { MaxOutputTokenCount = 5, Instructions = "Be brief.", Temperature = 0 });
        Assert.Equal(ResponseStatus.Incomplete, answer.Status);
        Assert.Equal(ResponseIncompleteStatusReason.MaxOutputTokens, answer.IncompleteStatusDetails.Reason);
        Assert.Equal(5, answer.Usage.OutputTokenCount);
    }

    [Fact]
    public async Task A_stream_says_what_the_whole_answer_says()
    {
        ResponsesClient client = await ClientAsync();
        ResponseResult whole = await client.CreateResponseAsync(Saying("<think>Hm\\.</think>Yes, my lord\\."));
        CreateResponseOptions options = Saying("<think>Hm\\.</think>Yes, my lord\\.");
        options.StreamingEnabled = true;
        string text = "", thought = "";
        List<StreamingResponseUpdate> updates = [];
        await foreach (StreamingResponseUpdate update in await client.CreateResponseStreamingAsync(options))
        {
            updates.Add(update);
            text += (update as StreamingResponseOutputTextDeltaUpdate)?.Delta;
            thought += (update as StreamingResponseReasoningTextDeltaUpdate)?.Delta;
        }
        Assert.Equal(("Yes, my lord.", "Hm."), (text, thought));
        Assert.Equal(text, whole.GetOutputText());
        Assert.Equal(Enumerable.Range(0, updates.Count), updates.Select(update => update.SequenceNumber));
        Assert.IsType<StreamingResponseCreatedUpdate>(updates[0]);
        ResponseResult last = Assert.IsType<StreamingResponseCompletedUpdate>(updates[^1]).Response;
        Assert.IsType<ReasoningResponseItem>(last.OutputItems[0]);
        Assert.Equal(text, Assert.IsAssignableFrom<MessageResponseItem>(last.OutputItems[1]).Content[0].Text);
        Assert.Equal(2, updates.Count(update => update is StreamingResponseOutputItemAddedUpdate));
        Assert.Equal(2, updates.Count(update => update is StreamingResponseOutputItemDoneUpdate));
        Assert.True(last.Usage.OutputTokenDetails.ReasoningTokenCount > 0);
    }

    [Fact]
    public async Task A_function_is_called_and_its_result_goes_back_with_the_items_so_far()
    {
        ResponsesClient client = await ClientAsync(TalkingTemplate.WithoutReasoning);
        CreateResponseOptions options = new(Name, [ResponseItem.CreateUserMessageItem("What is the weather in Verona?")])
        {
            Tools = { ResponseTool.CreateFunctionTool("weather", BinaryData.FromString(Place), strictModeEnabled: true) },
            ToolChoice = ResponseToolChoice.CreateFunctionChoice("weather"),
            ParallelToolCallsEnabled = false,
            MaxOutputTokenCount = 300,
        };
        WithoutSpace(options);
        ResponseResult called = await client.CreateResponseAsync(options);
        FunctionCallResponseItem call = Assert.IsType<FunctionCallResponseItem>(Assert.Single(called.OutputItems));
        Assert.Equal("weather", call.FunctionName);
        Assert.Equal("Verona", JsonDocument.Parse(call.FunctionArguments).RootElement.GetProperty("place").GetString());
        foreach (ResponseItem item in called.OutputItems)
            options.InputItems.Add(item);
        options.InputItems.Add(ResponseItem.CreateFunctionCallOutputItem(call.CallId, "fair"));
        options.ToolChoice = ResponseToolChoice.CreateNoneChoice();
        options.Patch.Set("$.regex"u8, "Fair in Verona\\.");
        ResponseResult answer = await client.CreateResponseAsync(options);
        Assert.Equal("Fair in Verona.", answer.GetOutputText());
        Assert.True(answer.Usage.InputTokenDetails.CachedTokenCount > 0);
    }

    [Fact]
    public async Task A_call_streams_whole()
    {
        ResponsesClient client = await ClientAsync(TalkingTemplate.WithoutReasoning);
        CreateResponseOptions options = new(Name, [ResponseItem.CreateUserMessageItem("What is the weather?")])
        {
            Tools = { ResponseTool.CreateFunctionTool("weather", BinaryData.FromString(Place), strictModeEnabled: true) },
            ToolChoice = ResponseToolChoice.CreateRequiredChoice(),
            ParallelToolCallsEnabled = false,
            StreamingEnabled = true,
            MaxOutputTokenCount = 300,
        };
        WithoutSpace(options);
        List<StreamingResponseUpdate> updates = [];
        await foreach (StreamingResponseUpdate update in await client.CreateResponseStreamingAsync(options))
            updates.Add(update);
        string deltas = string.Concat(updates.OfType<StreamingResponseFunctionCallArgumentsDeltaUpdate>().Select(update => update.Delta.ToString()));
        Assert.Equal(deltas, updates.OfType<StreamingResponseFunctionCallArgumentsDoneUpdate>().Single().FunctionArguments.ToString());
        Assert.Equal(deltas, Assert.IsType<FunctionCallResponseItem>(Assert.Single(updates.OfType<StreamingResponseCompletedUpdate>().Single()
            .Response.OutputItems)).FunctionArguments.ToString());
    }

    [Fact]
    public async Task An_answer_obeys_its_schema()
    {
        ResponsesClient client = await ClientAsync();
        CreateResponseOptions options = new(Name, [ResponseItem.CreateUserMessageItem("Where?")])
        {
            MaxOutputTokenCount = 300,
            TextOptions = new() { TextFormat = ResponseTextFormat.CreateJsonSchemaFormat("place", BinaryData.FromString(Place), jsonSchemaIsStrict: true) },
        };
        WithoutSpace(options);
        ResponseResult answer = await client.CreateResponseAsync(options);
        Assert.Equal("Verona", JsonDocument.Parse(answer.GetOutputText()).RootElement.GetProperty("place").GetString());
    }

    [Fact]
    public async Task Log_probabilities_come_where_they_are_asked_for()
    {
        ResponsesClient client = await ClientAsync();
        CreateResponseOptions options = new(Name, [ResponseItem.CreateUserMessageItem("Speak!")]) { MaxOutputTokenCount = 4, TopLogProbabilityCount = 2 };
        options.IncludedProperties.Add(new("message.output_text.logprobs"));
        string json = (await client.CreateResponseAsync(options)).GetRawResponse().Content.ToString();
        JsonElement logs = JsonDocument.Parse(json).RootElement.GetProperty("output")[0].GetProperty("content")[0].GetProperty("logprobs");
        Assert.Equal((4, 2), (logs.GetArrayLength(), logs[0].GetProperty("top_logprobs").GetArrayLength()));
    }

    [Theory]
    [InlineData("$.previous_response_id", "\"resp_1\"", "previous_response_id")]
    [InlineData("$.store", "true", "store")]
    [InlineData("$.background", "true", "background")]
    [InlineData("$.conversation", "\"conv_1\"", "conversation")]
    [InlineData("$.truncation", "\"auto\"", "truncation")]
    [InlineData("$.include", "[\"file_search_call.results\"]", "include[0]")]
    [InlineData("$.tools", "[{\"type\":\"web_search\"}]", "tools[0].type")]
    [InlineData("$.input", "[{\"type\":\"item_reference\",\"id\":\"a\"}]", "input[0].type")]
    [InlineData("$.input", "[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"x\"}]}]", "input[0].content[0].type")]
    [InlineData("$.input", "[]", "input")]
    [InlineData("$.text", "{\"format\":{\"type\":\"xml\"}}", "text.format.type")]
    [InlineData("$.reasoning", "{\"effort\":\"huge\"}", "reasoning.effort")]
    public async Task What_a_server_without_memory_cannot_do_is_refused_by_name(string field, string value, string name)
    {
        ResponsesClient client = await ClientAsync();
        CreateResponseOptions options = new(Name, [ResponseItem.CreateUserMessageItem("?")]);
        options.Patch.Set(System.Text.Encoding.UTF8.GetBytes(field), BinaryData.FromString(value));
        ClientResultException refusal = await Assert.ThrowsAsync<ClientResultException>(() => client.CreateResponseAsync(options));
        Assert.Equal(400, refusal.Status);
        Assert.Equal(name, JsonDocument.Parse(refusal.GetRawResponse()!.Content).RootElement.GetProperty("error").GetProperty("param").GetString());
    }

    private void WithoutSpace(CreateResponseOptions options) =>
        options.Patch.Set("$.logit_bias"u8, BinaryData.FromString(server.WithoutSpace[server.WithoutSpace.IndexOf('{', StringComparison.Ordinal)..]));

    private static CreateResponseOptions Saying(string pattern, string asked = "Speak!")
    {
        CreateResponseOptions options = new(Name, [ResponseItem.CreateUserMessageItem(asked)]) { Temperature = 0 };
        options.Patch.Set("$.regex"u8, pattern);
        return options;
    }

    private async Task<ResponsesClient> ClientAsync(MeKiServerOptions? options = null)
    {
        HttpClient http = await server.InProcessAsync(options ?? TalkingTemplate.Options);
        return new OpenAIClient(new ApiKeyCredential("key"), new()
        {
            Endpoint = new(http.BaseAddress!, "v1"),
            Transport = new HttpClientPipelineTransport(http),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
        }).GetResponsesClient();
    }
}
