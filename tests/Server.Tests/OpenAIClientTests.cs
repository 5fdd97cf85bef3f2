using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;

namespace MeKi.Server.Tests;

/// <summary>OpenAI's own .NET client, and Microsoft.Extensions.AI upon it, against the server.</summary>
public sealed class OpenAIClientTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private const string Schema =
        """{"type":"object","properties":{"name":{"type":"string","maxLength":8},"age":{"type":"integer"}},"required":["name","age"]}""";

    [Fact]
    public async Task A_chat_is_answered_with_usage_and_log_probabilities()
    {
        ChatClient chat = (await ClientAsync()).GetChatClient("tiny-meki");
        ChatCompletion answer = await chat.CompleteChatAsync([new SystemChatMessage("Be brief."), new UserChatMessage("Who is there?")],
            new() { MaxOutputTokenCount = 12, Temperature = 0, IncludeLogProbabilities = true, TopLogProbabilityCount = 2 });
        Assert.Equal(12, answer.Usage.OutputTokenCount);
        Assert.Equal(OpenAI.Chat.ChatFinishReason.Length, answer.FinishReason);
        Assert.Equal(12, answer.ContentTokenLogProbabilities.Count);
        Assert.Equal(2, answer.ContentTokenLogProbabilities[0].TopLogProbabilities.Count);
    }

    [Fact]
    public async Task A_stream_says_what_the_whole_answer_says()
    {
        ChatClient chat = (await ClientAsync()).GetChatClient("tiny-meki");
        ChatCompletionOptions options = new() { MaxOutputTokenCount = 20, Temperature = 0 };
        ChatCompletion whole = await chat.CompleteChatAsync([new UserChatMessage("Speak!")], options);
        string text = "";
        int tokens = 0;
        await foreach (StreamingChatCompletionUpdate update in chat.CompleteChatStreamingAsync([new UserChatMessage("Speak!")], options))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            tokens = update.Usage?.OutputTokenCount ?? tokens;
        }
        Assert.Equal(string.Concat(whole.Content.Select(part => part.Text)), text);
        Assert.Equal(20, tokens);
    }

    [Fact]
    public async Task An_answer_obeys_its_schema()
    {
        ChatClient chat = (await ClientAsync()).GetChatClient("tiny-meki");
        ChatCompletion answer = await chat.CompleteChatAsync([new UserChatMessage("Who are you?")],
            new()
            {
                MaxOutputTokenCount = 100,
                ResponseFormat = OpenAI.Chat.ChatResponseFormat.CreateJsonSchemaFormat("person", BinaryData.FromString(Schema)),
            });
        using JsonDocument person = JsonDocument.Parse(answer.Content[0].Text);
        Assert.Equal(JsonValueKind.Number, person.RootElement.GetProperty("age").ValueKind);
    }

    [Fact]
    public async Task A_conversation_with_calls_and_results_is_read()
    {
        ChatClient chat = (await ClientAsync()).GetChatClient("tiny-meki");
        ChatCompletion answer = await chat.CompleteChatAsync(
            [
                new UserChatMessage("What is the weather?"),
                new AssistantChatMessage([ChatToolCall.CreateFunctionToolCall("call_1", "weather", BinaryData.FromString("""{"place":"Verona"}"""))]),
                new ToolChatMessage("call_1", "fair"),
            ],
            new() { MaxOutputTokenCount = 4 });
        Assert.Equal(4, answer.Usage.OutputTokenCount);
    }

    [Fact]
    public async Task Errors_reach_the_client_as_its_own()
    {
        OpenAIClient client = await ClientAsync();
        ClientResultException unknown = await Assert.ThrowsAsync<ClientResultException>(
            () => client.GetChatClient("gpt-4").CompleteChatAsync(new UserChatMessage("?")));
        Assert.Equal(404, unknown.Status);
        ClientResultException wrong = await Assert.ThrowsAsync<ClientResultException>(
            async () => await (await ClientAsync(new() { ApiKeys = ["other"] })).GetChatClient("tiny-meki").CompleteChatAsync(new UserChatMessage("?")));
        Assert.Equal(401, wrong.Status);
    }

    [Fact]
    public async Task Embeddings_and_models_are_read()
    {
        OpenAIClient client = await ClientAsync();
        EmbeddingClient embeddings = client.GetEmbeddingClient("tiny-meki");
        OpenAIEmbeddingCollection vectors = await embeddings.GenerateEmbeddingsAsync(["a king", "a queen"]);
        Assert.Equal(server.Model.Config.HiddenSize, vectors[1].ToFloats().Length);
        Assert.Contains((await client.GetOpenAIModelClient().GetModelsAsync()).Value, model => model.Id == "tiny-meki");
    }

    [Fact]
    public async Task The_abstractions_of_Microsoft_stream_and_take_objects()
    {
        using IChatClient chat = (await ClientAsync()).GetChatClient("tiny-meki").AsIChatClient();
        string text = "";
        await foreach (ChatResponseUpdate update in chat.GetStreamingResponseAsync("Speak!", new() { MaxOutputTokens = 10, Temperature = 0 }))
            text += update.Text;
        ChatResponse whole = await chat.GetResponseAsync("Speak!", new() { MaxOutputTokens = 10, Temperature = 0 });
        Assert.Equal(whole.Text, text);
        Assert.Equal(10, whole.Usage!.OutputTokenCount);
    }

    private async Task<OpenAIClient> ClientAsync(MeKiServerOptions? options = null)
    {
        HttpClient http = await server.InProcessAsync(options);
        return new(new ApiKeyCredential("key"), new()
        {
            Endpoint = new(http.BaseAddress!, "v1"),
            Transport = new HttpClientPipelineTransport(http),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
        });
    }
}
