using System.ComponentModel;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeKi.Model;
using MeKi.Model.Chat;
using MeKi.Model.Generation;
using MeKi.Model.Tokenization;
using Microsoft.Extensions.AI;

namespace MeKi.Extensions.AI.Tests;

/// <summary>What <see cref="IChatClient"/> asks for and what this client promises, line by line.</summary>
[Collection(TalkingModel.Collection)]
public sealed class ChatClientContractTests(TalkingModel talking)
{
    private static readonly AIFunction Weather = AIFunctionFactory.Create(
        ([Description("The city.")] string city) => $"rain in {city}", "weather", "Tells the weather.");

    private static readonly AIFunction Time = AIFunctionFactory.Create((int hour) => hour, "time", "Tells the time.");

    private readonly MeKiChatClient _client = talking.Client;

    [Fact]
    public async Task Sixteen_calls_at_once_give_the_text_of_each_alone()
    {
        ChatMessage[][] prompts = [.. Enumerable.Range(0, 16).Select(i =>
            (ChatMessage[])[new(ChatRole.System, "Speak."), new(ChatRole.User, string.Concat(Enumerable.Repeat($"Question {i}. ", 1 + i * 3)))])];
        ChatOptions[] options = [.. prompts.Select((_, i) => new ChatOptions { Seed = i, MaxOutputTokens = 8 + i, Temperature = i % 3 * 0.5f })];
        List<string> alone = [];
        for (int i = 0; i < prompts.Length; i++)
            alone.Add((await _client.GetResponseAsync(prompts[i], options[i])).Text);
        string[] together = await Task.WhenAll(prompts.Select((prompt, i) => Task.Run(async () => i % 2 == 0
            ? (await _client.GetResponseAsync(prompt, options[i])).Text
            : (await _client.GetStreamingResponseAsync(prompt, options[i]).ToChatResponseAsync()).Text)));
        Assert.Equal(alone, together);
    }

    [Fact]
    public async Task What_streams_is_what_comes_at_once()
    {
        ChatResponse whole = await _client.GetResponseAsync("Who is there?", TalkingModel.Short()),
            streamed = await _client.GetStreamingResponseAsync("Who is there?", TalkingModel.Short()).ToChatResponseAsync();
        Assert.Equal((whole.Text, whole.FinishReason, whole.ModelId, whole.Usage!.OutputTokenCount),
            (streamed.Text, streamed.FinishReason, streamed.ModelId, streamed.Usage!.OutputTokenCount));
        Assert.NotEqual("", whole.Text);
    }

    [Fact]
    public async Task Messages_and_options_are_left_as_they_are()
    {
        ChatMessage[] messages = [new(ChatRole.User, "A")];
        ChatOptions options = new() { MaxOutputTokens = 2, Instructions = "Speak.", Tools = [Weather] };
        await _client.GetResponseAsync(messages, options);
        Assert.Equal(("A", 1, "Speak.", 2), (Assert.Single(messages).Text, options.Tools.Count, options.Instructions, options.MaxOutputTokens));
        await Assert.ThrowsAsync<ArgumentNullException>(() => _client.GetResponseAsync((IEnumerable<ChatMessage>)null!));
        Assert.Throws<ArgumentNullException>(() => _client.GetStreamingResponseAsync((IEnumerable<ChatMessage>)null!));
    }

    [Fact]
    public void Every_member_of_the_options_is_known_here() => Assert.Equal(
    [
        "AdditionalProperties", "AllowBackgroundResponses", "AllowMultipleToolCalls", "ContinuationToken", "ConversationId", "FrequencyPenalty",
        "Instructions", "MaxOutputTokens", "ModelId", "PresencePenalty", "RawRepresentationFactory", "Reasoning", "ResponseFormat", "Seed", "StopSequences",
        "Temperature", "ToolMode", "Tools", "TopK", "TopP",
    ], typeof(ChatOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void Sampling_options_reach_the_model()
    {
        GenerationOptions options = Read(new()
        {
            Temperature = 0.3f, TopP = 0.4f, TopK = 5, FrequencyPenalty = 0.6f, PresencePenalty = 0.7f, Seed = 8, MaxOutputTokens = 9, StopSequences = ["a"],
        }).Options!;
        Assert.Equal((0.3f, 0.4f, 5, 0.6f, 0.7f, 8, 9), (options.Temperature, options.TopP, options.TopK, options.FrequencyPenalty, options.PresencePenalty,
            options.Seed, options.MaxTokens));
        Assert.Equal(["a"], options.StopStrings);
        Assert.Equal(float.Epsilon, Read(new() { TopP = 0 }).Options!.TopP);
        Assert.Equal(talking.Model.Config.ContextLength, Read(new()).Options!.MaxTokens);
    }

    [Fact]
    public void A_seed_of_64_bits_is_folded()
    {
        Assert.Equal(-3, Read(new() { Seed = -3 }).Options!.Seed);
        Assert.NotEqual(Read(new() { Seed = 1L << 40 }).Options!.Seed, Read(new() { Seed = 1L << 41 }).Options!.Seed);
    }

    [Theory]
    [InlineData(null, "system:Be short.;user:Hi;assistant:")]
    [InlineData("Be kind.", "system:Be short.\n\nBe kind.;user:Hi;assistant:")]
    public async Task Instructions_come_before_what_the_system_says(string? system, string expected)
    {
        List<ChatMessage> messages = [new(ChatRole.User, "Hi")];
        if (system is not null)
            messages.Insert(0, new(ChatRole.System, system));
        ChatResponse response = await _client.GetResponseAsync(messages, new() { Instructions = "Be short.", MaxOutputTokens = 1 });
        Assert.Equal(expected, ((ChatReply)response.RawRepresentation!).Prompt);
    }

    [Fact]
    public async Task What_is_not_supported_is_refused_by_name()
    {
        await Refused("ConversationId", new() { ConversationId = "1" });
        await Refused("ModelId", new() { ModelId = "gpt-4" });
        await Refused("Reasoning.Output", new() { Reasoning = new() { Output = ReasoningOutput.Summary } });
        await Refused("RawRepresentationFactory", new() { RawRepresentationFactory = _ => "" });
        await Refused("'tempurature'", new() { AdditionalProperties = new() { ["tempurature"] = 1 } });
        await Refused("web_search", new() { Tools = [new HostedWebSearchTool()] });
#pragma warning disable MEAI001
        await Refused("ContinuationToken", new() { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }) });
        // A permission is none that has to be taken.
        Assert.NotNull(await _client.GetResponseAsync("A", new() { AllowBackgroundResponses = true, MaxOutputTokens = 1, ModelId = "Tiny" }));
#pragma warning restore MEAI001
    }

    [Fact]
    public async Task Contents_that_the_model_does_not_read_are_refused_by_name()
    {
        NotSupportedException refusal = await Assert.ThrowsAsync<NotSupportedException>(() =>
            _client.GetResponseAsync(new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")])));
        Assert.Contains(nameof(DataContent), refusal.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<NotSupportedException>(async () =>
        {
            await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync(
                new ChatMessage(ChatRole.User, [new UriContent("http://a", "image/png")])))
                Assert.Null(update);
        });
    }

    [Fact]
    public async Task Text_streams_until_a_call_begins_which_comes_whole()
    {
        List<AIContent> contents = await Streamed("Let me see. <tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}\n</tool_call>",
            new() { Tools = [Weather] });
        Assert.Equal("Let me see.", string.Concat(contents.OfType<TextContent>().Select(text => text.Text)));
        Assert.True(contents.OfType<TextContent>().Count() > 1);
        FunctionCallContent call = Assert.IsType<FunctionCallContent>(contents[^2]);
        Assert.Equal(("weather", "Ulm"), (call.Name, call.Arguments!["city"]!.ToString()));
        Assert.Matches("^[A-Za-z0-9]{9}$", call.CallId);
    }

    [Fact]
    public async Task The_answer_keeps_to_a_schema()
    {
        JsonElement schema = JsonElement.Parse(
            """
            { "type": "object", "properties": { "age": { "type": "integer", "maximum": 99, "minimum": 10 } },
              "required": ["age"], "additionalProperties": false }
            """);
        ChatResponse response = await _client.GetResponseAsync("A", new() { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema) });
        Assert.InRange(JsonNode.Parse(response.Text)!["age"]!.GetValue<int>(), 10, 99);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        ChatResponse<Answer> typed = await _client.GetResponseAsync<Answer>("A", new ChatOptions { MaxOutputTokens = 200 });
        Assert.InRange(typed.Result.Choice, Choice.Red, Choice.Green);
        Assert.InRange((await _client.GetResponseAsync<Choice>("A", new ChatOptions { MaxOutputTokens = 200 })).Result, Choice.Red, Choice.Green);
    }

    [Fact]
    public async Task A_format_that_no_schema_allows_is_an_error_at_the_call() => await Assert.ThrowsAsync<Model.Grammars.GrammarException>(() =>
        _client.GetResponseAsync("A", new() { ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonElement.Parse("false")) }));

    [Fact]
    public async Task Reasoning_is_apart_from_the_answer()
    {
        List<AIContent> contents = await Streamed("<think>Hm, hm.</think>Yes.", new());
        Assert.Equal("Hm, hm.", string.Concat(contents.OfType<TextReasoningContent>().Select(text => text.Text)));
        Assert.Equal("Yes.", string.Concat(contents.OfType<TextContent>().Select(text => text.Text)));
        UsageDetails usage = Assert.IsType<UsageContent>(contents[^1]).Details;
        Assert.InRange(usage.ReasoningTokenCount!.Value, talking.Model.Tokenizer!.Encode("Hm, hm.").Length, usage.OutputTokenCount!.Value - 1);
    }

    [Fact]
    public async Task Reasoning_is_left_out_where_it_is_not_wanted()
    {
        ChatOptions options = new() { Reasoning = new() { Output = ReasoningOutput.None } };
        Assert.DoesNotContain(await Streamed("<think>Hm.</think>Yes.", options), content => content is TextReasoningContent);
        ChatResponse response = await _client.GetResponseAsync("A", talking.Saying("<think>Hm.</think>Yes.", options));
        Assert.Equal("Yes.", Assert.IsType<TextContent>(Assert.Single(response.Messages[0].Contents)).Text);
    }

    [Fact]
    public async Task Usage_comes_with_the_last_update_and_counts_what_was_read_from_storage()
    {
        List<ChatResponseUpdate> updates = await _client.GetStreamingResponseAsync("Who is there?", TalkingModel.Short()).ToListAsync();
        Assert.All(updates.SkipLast(1), update => Assert.True(update.FinishReason is null && !update.Contents.OfType<UsageContent>().Any()));
        UsageDetails usage = Assert.Single(updates[^1].Contents.OfType<UsageContent>()).Details;
        Assert.Equal(ChatFinishReason.Length, updates[^1].FinishReason);
        Assert.Equal((12, usage.InputTokenCount + 12, 0), (usage.OutputTokenCount, usage.TotalTokenCount, usage.ReasoningTokenCount));
        Assert.NotNull(usage.CachedInputTokenCount);
        Assert.Equal(["storage_bytes_read", "storage_rows_read"], usage.AdditionalCounts!.Keys.Order());
    }

    [Fact]
    public async Task Updates_of_an_answer_have_its_names_and_another_answer_has_others()
    {
        List<ChatResponseUpdate> updates = await _client.GetStreamingResponseAsync("A", TalkingModel.Short()).ToListAsync();
        Assert.True(updates.Count > 2);
        Assert.Single(updates.Select(update => (update.ResponseId, update.MessageId, update.ModelId, update.CreatedAt, update.Role)).Distinct());
        ChatResponse other = await _client.GetResponseAsync("A", TalkingModel.Short());
        Assert.Equal(("tiny", ChatRole.Assistant), (updates[0].ModelId, updates[0].Role));
        Assert.NotEqual(updates[0].ResponseId, other.ResponseId);
        Assert.NotEqual(updates[0].MessageId, other.Messages[0].MessageId);
        Assert.Equal(("tiny", other.CreatedAt), (other.ModelId, other.Messages[0].CreatedAt));
        Assert.Null(other.ConversationId);
    }

    [Fact]
    public async Task The_end_has_a_reason()
    {
        Assert.Equal(ChatFinishReason.Length, (await _client.GetResponseAsync("A", TalkingModel.Short(3))).FinishReason);
        Assert.Equal(ChatFinishReason.Stop, (await _client.GetResponseAsync("A", talking.Saying("Yes."))).FinishReason);
        Assert.Equal("Y", (await _client.GetResponseAsync("A", talking.Saying("Yes.", new() { StopSequences = ["es"] }))).Text);
        Assert.Equal(ChatFinishReason.ToolCalls, (await _client.GetResponseAsync("A", talking.Saying(
            "<tool_call>{\"name\": \"time\", \"arguments\": {\"hour\": 1}}</tool_call>", new() { Tools = [Time] }))).FinishReason);
    }

    [Fact]
    public async Task Both_methods_can_be_cancelled_before_and_while_they_answer()
    {
        using CancellationTokenSource early = new(), late = new();
        await early.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _client.GetResponseAsync("A", cancellationToken: early.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            _client.GetStreamingResponseAsync("A", cancellationToken: early.Token).ToListAsync().AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync("A").WithCancellation(late.Token))
                await late.CancelAsync();
        });
        using CancellationTokenSource during = new();
        ChatOptions options = new()
        {
            RawRepresentationFactory = _ => new GenerationOptions { MaxTokens = 500, LogitsProcessor = (_, _) => during.Cancel() },
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _client.GetResponseAsync("A", options, during.Token));
        Assert.NotEqual("", (await _client.GetResponseAsync("A", TalkingModel.Short())).Text);
    }

    [Fact]
    public async Task The_answer_to_a_function_goes_back_to_the_model()
    {
        ChatMessage[] messages =
        [
            new(ChatRole.User, "A"),
            new(ChatRole.Assistant, [new FunctionCallContent("1", "weather", new Dictionary<string, object?> { ["city"] = "Ulm" })]),
            new(ChatRole.Tool, [new FunctionResultContent("1", new { degrees = 3 })]),
        ];
        ChatResponse response = await _client.GetResponseAsync(messages, TalkingModel.Short(1));
        Assert.Equal("user:A;assistant:<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}</tool_call>;tool:{\"degrees\":3};assistant:",
            ((ChatReply)response.RawRepresentation!).Prompt);
    }

    [Fact]
    public async Task A_second_turn_begins_with_the_very_tokens_of_the_first()
    {
        List<ChatMessage> messages = [new(ChatRole.User, "Who is there?")];
        ChatResponse first = await _client.GetResponseAsync(messages, TalkingModel.Short());
        ChatReply before = (ChatReply)first.RawRepresentation!;
        messages.AddMessages(first);
        messages.Add(new(ChatRole.User, "And now?"));
        ChatResponse second = await _client.GetResponseAsync(messages, TalkingModel.Short());
        int[] known = [.. before.PromptTokens, .. before.Tokens.Select(token => token.Id)];
        Assert.Equal(known, ((ChatReply)second.RawRepresentation!).PromptTokens.Take(known.Length));
        // The last token of an answer is chosen and not computed.
        Assert.Equal(known.Length - 1, second.Usage!.CachedInputTokenCount);
    }

    [Fact]
    public void Services_are_the_client_its_metadata_and_what_it_stands_on()
    {
        Assert.Equal(("meki", "tiny"), (_client.GetService<ChatClientMetadata>()!.ProviderName, _client.GetService<ChatClientMetadata>()!.DefaultModelId));
        Assert.Same(talking.Model, _client.GetService<MeKiModel>());
        Assert.Same(talking.Model.Tokenizer, _client.GetService<Tokenizer>());
        Assert.Same(_client, _client.GetService<IChatClient>());
        Assert.Null(_client.GetService<MeKiModel>("key"));
        Assert.Null(_client.GetService<string>());
        Assert.Equal("tiny-meki", new MeKiChatClient(talking.Model).GetService<ChatClientMetadata>()!.DefaultModelId);
    }

    [Fact]
    public async Task Log_probabilities_come_with_their_tokens()
    {
        ChatOptions options = TalkingModel.Short(3);
        options.AdditionalProperties = new() { ["logprobs"] = true, ["top_logprobs"] = 2 };
        ChatResponse response = await _client.GetResponseAsync("A", options);
        JsonArray tokens = (JsonArray)response.AdditionalProperties!["logprobs"]!;
        Assert.Equal(response.Text, string.Concat(tokens.Select(token => token!["token"]!.GetValue<string>())));
        Assert.All(tokens, token => Assert.Equal(2, token!["top_logprobs"]!.AsArray().Count));
        List<ChatResponseUpdate> updates = await _client.GetStreamingResponseAsync("A", options).ToListAsync();
        Assert.Equal(3, updates.Sum(update => (update.AdditionalProperties?["logprobs"] as JsonArray)?.Count ?? 0));
    }

    private ChatRequest Read(ChatOptions options) => RequestReader.Read(talking.Model, null, [], options, null);

    private async Task Refused(string name, ChatOptions options)
    {
        NotSupportedException refusal = await Assert.ThrowsAsync<NotSupportedException>(() => _client.GetResponseAsync("A", options));
        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
    }

    private async Task<List<AIContent>> Streamed(string answer, ChatOptions options) =>
        [.. (await _client.GetStreamingResponseAsync("A", talking.Saying(answer, options)).ToListAsync()).SelectMany(update => update.Contents)];

    public enum Choice
    {
        Red,
        Green,
    }

    public sealed record Answer(Choice Choice, bool IsSure);
}
