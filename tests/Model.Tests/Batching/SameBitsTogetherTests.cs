using MeKi.Kernels;
using MeKi.Model.Batching;
using MeKi.Model.Generation;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Tests;

namespace MeKi.Model.Tests.Batching;

/// <summary>What a request gives has the same bits whatever else is served, and however often it has to give way.</summary>
public sealed class SameBitsTogetherTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const int Count = 16;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public Task Sixteen_requests_of_a_meki_model(int threads) => Check(tiny.Converted, threads, KvFormat.F16);

    [Fact]
    public Task Sixteen_requests_of_a_checkpoint_in_its_training_form() => Check(tiny.Checkpoint, 2, KvFormat.Q8_0);

    [SharedTheory("foreign/gemma4.gguf")]
    [InlineData("qwen3")]
    [InlineData("gemma3")]
    [InlineData("gemma3n")]
    [InlineData("gemma4")]
    [InlineData("phi3")]
    public Task Sixteen_requests_of_another_family(string family) => Check(SharedMaterial.Path($"foreign/{family}.gguf"), 2, KvFormat.F16);

    [Fact]
    public async Task Requests_that_give_way_to_others_for_want_of_memory()
    {
        using MeKiModel unlimited = MeKiModel.Load(tiny.Converted, new() { Threads = 2 });
        string[] alone = await Alone(unlimited, 600);
        long block = unlimited.Loaded.Kv.BlockBytes;
        using MeKiModel model = MeKiModel.Load(tiny.Converted, new() { Threads = 2, MaxKvBytes = 4 * block });
        Assert.Equal(alone, await Together(model, 600));
        // Growing ones meet at the ends of their pages.
        string[] growing = await Task.WhenAll(Enumerable.Range(0, 4).Select(i =>
            Requests.Run(model.GenerateAsync(Requests.Prompt(model, i + 20, 230), new() { Temperature = 1, Seed = i, MaxTokens = 150 }))));
        for (int i = 0; i < growing.Length; i++)
        {
            TextGeneration again = unlimited.CreateSession()
                .GenerateAsync(Requests.Prompt(model, i + 20, 230), new() { Temperature = 1, Seed = i, MaxTokens = 150 });
            Assert.Equal(await Requests.Run(again), growing[i]);
        }
        EngineCounters counters = model.EngineCounters;
        Assert.True(counters.Preemptions > 0);
        Assert.InRange(counters.KvBytes, 0, counters.KvLimit);
        Assert.Equal((0, 0), (counters.Queued, counters.Running));
    }

    private static async Task Check(string path, int threads, KvFormat cache)
    {
        using MeKiModel model = MeKiModel.Load(path, new() { Threads = threads, KeyFormat = cache, ValueFormat = cache });
        const int Longest = 400;
        string[] alone = await Alone(model, Longest);
        Assert.Equal(alone, await Together(model, Longest));
        // All begin as something that was computed before; one is in a session.
        long computed = model.EngineCounters.PromptTokens;
        using MeKiSession session = model.CreateSession();
        Task<string>[] mixed = [.. Enumerable.Range(0, Count).Select(i => Start(i, i == 3 ? session.GenerateAsync : model.GenerateAsync))];
        Assert.Equal(alone, await Task.WhenAll(mixed));
        Assert.InRange(model.EngineCounters.PromptTokens - computed, Count, Longest + Count * 260);

        Task<string> Start(int i, Generate generate) => Task.Run(() => Requests.Run(generate(Requests.Prompt(model, i, Longest), Requests.Options(i))));
    }

    private static async Task<string[]> Alone(MeKiModel model, int longest)
    {
        string[] alone = new string[Count];
        for (int i = 0; i < Count; i++)
        {
            using MeKiSession session = model.CreateSession();
            alone[i] = await Requests.Run(session.GenerateAsync(Requests.Prompt(model, i, longest), Requests.Options(i)));
        }
        return alone;
    }

    private static Task<string[]> Together(MeKiModel model, int longest) => Task.WhenAll(Enumerable.Range(0, Count).Select(i => Task.Run(() =>
        Requests.Run(model.GenerateAsync(Requests.Prompt(model, i, longest), Requests.Options(i))))));

    private delegate TextGeneration Generate(
        ReadOnlySpan<int> prompt, GenerationOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default);
}
