using MeKi.Model.Adapters;
using MeKi.Model.Batching;
using MeKi.Model.Generation;
using MeKi.Model.Tests.Adapters;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;

namespace MeKi.Model.Tests.Batching;

/// <summary>Keys and values of one set of adapters are no other's.</summary>
public sealed class AdapterPrefixTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_beginning_is_shared_between_requests_of_the_same_adapters_at_the_same_scales()
    {
        using MeKiModel model = MeKiModel.Load(tiny.Converted, new() { Threads = 1, AdapterFolder = _folder.FullName });
        foreach (string name in (string[])["a", "b"])
            RandomAdapter.Write(model.Config, _folder[$"{name}.gguf"], seed: name[0]);
        AdapterChoice[][] sets = [[], [new("a")], [new("a", 0.5f)], [new("b")], [new("a"), new("b")]];
        int[] prompt = TinyModel.Tokens(300);
        List<string> texts = [];
        foreach (AdapterChoice[] set in sets)
        {
            (string text, int reused) = await Run(set);
            Assert.Equal(0, reused);
            texts.Add(text);
        }
        Assert.Equal(sets.Length, texts.Distinct().Count());
        for (int i = 0; i < sets.Length; i++)
            Assert.Equal((texts[i], prompt.Length - 1), await Run(sets[i]));
        // In another order the set is the same; a scale of nothing is no adapter.
        Assert.Equal((texts[4], prompt.Length - 1), await Run([new("b"), new("a")]));
        Assert.Equal((texts[1], prompt.Length - 1), await Run([new("b", 0), new("a")]));

        async Task<(string, int)> Run(AdapterChoice[] adapters)
        {
            TextGeneration generation = model.GenerateAsync(prompt, new() { Temperature = 0, MaxTokens = 12, Adapters = adapters, LogProbabilities = 0 });
            return (await Requests.Run(generation), generation.Statistics!.ReusedTokens);
        }
    }

    [Fact]
    public void Sets_that_nothing_begins_with_any_more_are_forgotten()
    {
        PrefixTree tree = new();
        for (int i = 0; i < 100; i++)
            tree.Add(tree.Root($"a {i}"), [i], []);
        Assert.Equal(100, tree.Roots);
        tree.Clear();
        tree.Root("b");
        Assert.Equal(1, tree.Roots);
    }
}
