using System.Diagnostics;
using MeKi.Model;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;

namespace MeKi.Extensions.AI.Tests;

[Collection(TalkingModel.Collection)]
public sealed class CompositionTests(TalkingModel talking)
{
    private const string Call = "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}</tool_call>";

    private static MeKiOptions Options =>
        new() { ModelId = "tiny", Template = Model.Templates.ChatTemplate.Parse(TalkingModel.Source), Load = new() { Threads = 2 } };

    [Fact]
    public async Task Functions_are_called_and_the_model_hears_of_it()
    {
        using ServiceProvider services = Services(services => services.AddMeKi(_ => talking.Model, Options).UseFunctionInvocation());
        List<string> asked = [];
        int turn = 0;
        ChatOptions options = new() { Tools = [AIFunctionFactory.Create((string city) => Told(asked, city), "weather")] };
        options.RawRepresentationFactory = client => talking.Saying(turn++ == 0 ? Call : "It rains.").RawRepresentationFactory!(client);
        ChatResponse response = await services.GetRequiredService<IChatClient>().GetResponseAsync("A", options);
        Assert.Equal(["Ulm"], asked);
        Assert.Equal("It rains.", response.Text);
        Assert.Equal([ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant], response.Messages.Select(message => message.Role));
        Assert.Equal(2, turn);
    }

    [Fact]
    public async Task Telemetry_names_provider_model_and_tokens()
    {
        List<Activity> seen = [];
        using ActivityListener listener = new()
        {
            ShouldListenTo = source => source.Name == "meki.test",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = seen.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using ServiceProvider services = Services(services => services.AddMeKi(_ => talking.Model, Options).UseOpenTelemetry(sourceName: "meki.test"));
        ChatResponse response = await services.GetRequiredService<IChatClient>().GetResponseAsync("A", TalkingModel.Short());
        Activity activity = Assert.Single(seen);
        Assert.Equal("chat tiny", activity.DisplayName);
        Assert.Equal("meki", activity.GetTagItem("gen_ai.provider.name"));
        Assert.Equal((int)response.Usage!.OutputTokenCount!, Convert.ToInt32(activity.GetTagItem("gen_ai.usage.output_tokens"), null));
    }

    [Fact]
    public async Task Answers_are_cached_with_their_log_probabilities()
    {
        CountingCache cache = new();
        using ServiceProvider services = Services(services =>
        {
            services.AddSingleton<IDistributedCache>(cache);
            services.AddMeKi(_ => talking.Model, Options).UseDistributedCache();
        });
        IChatClient client = services.GetRequiredService<IChatClient>();
        ChatOptions options = TalkingModel.Short();
        options.AdditionalProperties = new() { ["logprobs"] = true };
        ChatResponse first = await client.GetResponseAsync("A", options), second = await client.GetResponseAsync("A", options);
        Assert.Equal((first.ResponseId, first.Text), (second.ResponseId, second.Text));
        List<ChatResponseUpdate> updates = await client.GetStreamingResponseAsync("A", options).ToListAsync();
        Assert.Equal(first.Text, updates.ToChatResponse().Text);
        Assert.Equal(2, cache.Count);
    }

    [Fact]
    public async Task A_model_is_loaded_when_it_is_asked_for_and_disposed_with_the_services()
    {
        ServiceProvider services = Services(services =>
        {
            services.AddMeKi("nowhere.gguf");
            services.AddKeyedMeKi("tiny", TalkingModel.Path, Options);
            services.AddMeKiEmbeddings(TalkingModel.Path, Options);
        });
        IChatClient client = services.GetRequiredKeyedService<IChatClient>("tiny");
        Assert.NotEqual("", (await client.GetResponseAsync("A", TalkingModel.Short())).Text);
        Assert.Single(await services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>().GenerateAsync(["A"]));
        Assert.Throws<ModelFileException>(services.GetRequiredService<IChatClient>);
        await services.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetResponseAsync("A", TalkingModel.Short()));
        // What the program has itself stays.
        await Services(services => services.AddMeKi(_ => talking.Model)).DisposeAsync();
        Assert.NotEqual("", (await talking.Client.GetResponseAsync("A", TalkingModel.Short())).Text);
    }

    private static string Told(List<string> asked, string city)
    {
        asked.Add(city);
        return "rain";
    }

    private static ServiceProvider Services(Action<ServiceCollection> add)
    {
        ServiceCollection services = new();
        add(services);
        return services.BuildServiceProvider();
    }

    private sealed class CountingCache : IDistributedCache
    {
        private readonly Dictionary<string, byte[]> _values = [];

        public int Count => _values.Count;

        public byte[]? Get(string key) => _values.GetValueOrDefault(key);

        public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Task.FromResult(Get(key));

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => _values[key] = value;

        public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
        {
            Set(key, value, options);
            return Task.CompletedTask;
        }

        public void Refresh(string key)
        {
        }

        public Task RefreshAsync(string key, CancellationToken token = default) => Task.CompletedTask;

        public void Remove(string key) => _values.Remove(key);

        public Task RemoveAsync(string key, CancellationToken token = default) => Task.FromResult(_values.Remove(key));
    }
}
