using MeKi.Model.Adapters;
using MeKi.Model.Generation;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Quant;

namespace MeKi.Model.Tests.Adapters;

/// <summary>Adapters on storage, in memory and in use.</summary>
public sealed class AdapterLibraryTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private static readonly int[] s_tokens = TinyModel.Tokens(20);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Adapters_are_found_by_name_and_by_path()
    {
        using MeKiModel model = Load(count: 2);
        LoraWriter writer = new(model.Config, BlockFormat.Of(GgmlType.F32));
        writer.WritePeft(RandomAdapter.Of(model.Config, 2, 7), Path.Combine(model.Adapters.Folder, "folder"), "base");
        writer.WriteShared([RandomAdapter.Of(model.Config, 2, 8, "x"), RandomAdapter.Of(model.Config, 2, 9, "y")],
            Path.Combine(model.Adapters.Folder, "both.gguf"));
        Assert.Equal(["a0", "a1", "folder", "x", "y"], model.Adapters.Names);
        string path = Path.Combine(model.Adapters.Folder, "both.gguf");
        Assert.Equal(Logits(model, [new("y")]), Logits(model, [new($"{path}:y")]));
        Assert.Contains("has 2 adapters", Assert.Throws<ModelFileException>(() => model.CreateSession([new(path)])).Message, StringComparison.Ordinal);
        Assert.Contains("There are 'a0', 'a1'", Assert.Throws<ModelFileException>(() => model.CreateSession([new("a2")])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => model.CreateSession([new("a0"), new("a0", 2)]));
        Assert.Throws<ArgumentException>(() => model.CreateSession([new("a0", float.NaN)]));
    }

    [Fact]
    public void Two_of_one_name_are_refused()
    {
        using MeKiModel model = Load(count: 1);
        new LoraWriter(model.Config, BlockFormat.Of(GgmlType.F32))
            .WritePeft(RandomAdapter.Of(model.Config, 2, 7), Path.Combine(model.Adapters.Folder, "a0"), "base");
        Assert.Contains("two adapters", Assert.Throws<ModelFileException>(() => model.CreateSession([new("a0")])).Message, StringComparison.Ordinal);
        Assert.Throws<ModelFileException>(() => model.Adapters.Names);
    }

    [Fact]
    public void Those_not_used_for_longest_make_room()
    {
        using MeKiModel first = Load(count: 4);
        _ = Logits(first, [new("a0")]);
        long one = first.Adapters.Counters.BytesHeld;
        using MeKiModel model = Load(count: 4, bytes: 2 * one);
        float[][] expected = [.. Enumerable.Range(0, 4).Select(i => Logits(first, [new($"a{i}")]))];
        foreach (int i in new[] { 0, 1, 0, 2, 0, 3, 1 })
            Assert.Equal(expected[i], Logits(model, [new($"a{i}")]));
        AdapterCounters counters = model.Adapters.Counters;
        // 0 and 1 are read, 2 takes the place of 1, 3 that of 2, 1 that of 0.
        Assert.Equal((5, 2, 3, 2 * one), (counters.Loads, counters.Hits, counters.Evictions, counters.BytesHeld));
    }

    [Fact]
    public void One_in_use_stays_in_memory_though_its_file_is_removed()
    {
        using MeKiModel model = Load(count: 2, bytes: 0);
        float[] expected = Logits(model, [new("a0")]), logits = new float[model.Config.VocabularySize];
        Assert.Equal(0, model.Adapters.Counters.BytesHeld);
        using MeKiSession session = model.CreateSession([new("a0")]);
        File.Delete(Path.Combine(model.Adapters.Folder, "a0.gguf"));
        _ = Logits(model, [new("a1")]);
        session.Forward(s_tokens, logits);
        Assert.Equal(expected, logits);
        using MeKiSession fork = session.Fork(3);
        session.Dispose();
        fork.Forward(s_tokens.AsSpan(3), logits);
        Assert.Equal(expected, logits);
        fork.Dispose();
        Assert.Equal(0, model.Adapters.Counters.BytesHeld);
        Assert.Throws<ModelFileException>(() => model.CreateSession([new("a0")]));
    }

    [Fact]
    public void An_exchanged_file_is_read_anew()
    {
        using MeKiModel model = Load(count: 2);
        float[] before = Logits(model, [new("a0")]), other = Logits(model, [new("a1")]);
        File.Copy(Path.Combine(model.Adapters.Folder, "a1.gguf"), Path.Combine(model.Adapters.Folder, "a0.gguf"), overwrite: true);
        File.SetLastWriteTimeUtc(Path.Combine(model.Adapters.Folder, "a0.gguf"), DateTime.UtcNow.AddMinutes(1));
        Assert.NotEqual(before, other);
        Assert.Equal(other, Logits(model, [new("a0")]));
    }

    [Fact]
    public void Shared_factors_are_in_memory_once()
    {
        using MeKiModel model = Load(count: 0);
        LoraAdapter one = RandomAdapter.Of(model.Config, rank: 4, seed: 1, "one"), two = RandomAdapter.Of(model.Config, rank: 4, seed: 2, "two");
        LoraAdapter sharing = two with { Pairs = two.Pairs.ToDictionary(pair => pair.Key, pair => pair.Value with { A = one.Pairs[pair.Key].A }) };
        LoraWriter writer = new(model.Config, BlockFormat.Of(GgmlType.F32));
        writer.WriteShared([one, sharing], Path.Combine(model.Adapters.Folder, "s.gguf"));
        writer.WriteGguf(sharing, _folder["alone.gguf"]);
        _ = Logits(model, [new("one")]);
        long first = model.Adapters.Counters.BytesHeld;
        float[] together = Logits(model, [new("two")]);
        Assert.InRange(model.Adapters.Counters.BytesHeld, first + 1, 2 * first - 1);
        Assert.Equal(Logits(model, [new(_folder["alone.gguf"])]), together);
    }

    [Fact]
    public void A_session_that_changes_its_adapters_computes_its_tokens_once_more()
    {
        using MeKiModel model = Load(count: 2);
        float[] logits = new float[model.Config.VocabularySize];
        using MeKiSession session = model.CreateSession();
        session.Forward(s_tokens.AsSpan(0, 12), []);
        session.UseAdapters([new("a1", 0.5f), new("a0")]);
        session.Forward(s_tokens.AsSpan(12), logits);
        Assert.Equal(Logits(model, [new("a0"), new("a1", 0.5f)]), logits);
        Assert.Throws<ModelFileException>(() => session.UseAdapters([new("none")]));
        Assert.Equal(2, session.Adapters.Count);
        session.UseAdapters([]);
        session.Truncate(12);
        session.Forward(s_tokens.AsSpan(12), logits);
        Assert.Equal(Logits(model, []), logits);
    }

    [Fact]
    public void A_session_file_belongs_to_its_adapters()
    {
        using MeKiModel model = Load(count: 2);
        float[] logits = new float[model.Config.VocabularySize];
        using (MeKiSession session = model.CreateSession([new("a0", 0.5f)]))
        {
            session.Forward(s_tokens.AsSpan(0, 12), []);
            session.Save(_folder["s"]);
        }
        foreach (AdapterChoice[] wrong in new AdapterChoice[][] { [], [new("a0")], [new("a1", 0.5f)], [new("a0", 0.5f), new("a1")] })
        {
            SessionFileException failure = Assert.Throws<SessionFileException>(() => model.LoadSession(_folder["s"], wrong));
            Assert.Contains("other adapters", failure.Message, StringComparison.Ordinal);
        }
        using MeKiSession loaded = model.LoadSession(_folder["s"], [new("a0", 0.5f)]);
        loaded.Forward(s_tokens.AsSpan(12), logits);
        Assert.Equal(Logits(model, [new("a0", 0.5f)]), logits);
    }

    [Fact]
    public async Task Requests_that_run_together_have_adapters_of_their_own()
    {
        using MeKiModel model = Load(count: 2);
        AdapterChoice[][] choices = [[], [new("a0")], [new("a1")], [new("a0")], [new("a0", 0.5f), new("a1")], []];
        int[] prompt = TinyModel.Tokens(300);
        List<string> alone = [];
        foreach (AdapterChoice[] adapters in choices)
        {
            using MeKiSession session = model.CreateSession(adapters);
            alone.Add(string.Concat(await session.GenerateAsync(prompt, new() { Temperature = 0, MaxTokens = 12 }).ToListAsync()));
        }
        Assert.True(alone.Distinct().Count() >= 3);
        // Twice: the second time keys and values of the first are there.
        for (int round = 0; round < 2; round++)
        {
            string[] together = await Task.WhenAll(choices.Select(async adapters =>
                string.Concat(await model.GenerateAsync(prompt, new() { Temperature = 0, MaxTokens = 12, Adapters = adapters }).ToListAsync())));
            Assert.Equal(alone, together);
        }
    }

    [Fact]
    public async Task The_default_adapters_are_those_of_whoever_names_none()
    {
        using MeKiModel model = Load(count: 2);
        float[] plain = Logits(model, []), with = Logits(model, [new("a0")]), logits = new float[model.Config.VocabularySize];
        model.DefaultAdapters = [new("a0")];
        using MeKiSession session = model.CreateSession();
        session.Forward(s_tokens, logits);
        Assert.Equal(with, logits);
        Assert.Equal(plain, Logits(model, []));
        Assert.Throws<ModelFileException>(() => model.DefaultAdapters = [new("none")]);
        GenerationOptions options = new() { Temperature = 0, MaxTokens = 8 };
        string own = string.Concat(await model.GenerateAsync(s_tokens, options).ToListAsync());
        Assert.Equal(string.Concat(await model.GenerateAsync(s_tokens, options with { Adapters = [new("a0")] }).ToListAsync()), own);
    }

    [Theory]
    [InlineData("a", "a", 1f)]
    [InlineData("a=0.5", "a", 0.5f)]
    [InlineData("a=-1e1", "a", -10f)]
    [InlineData("a=b/c.gguf", "a=b/c.gguf", 1f)]
    [InlineData("a=b=2", "a=b", 2f)]
    public void A_choice_is_a_name_and_perhaps_a_scale(string text, string name, float scale) =>
        Assert.Equal(new AdapterChoice(name, scale), AdapterChoice.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("=2")]
    [InlineData("a=NaN")]
    [InlineData("a=Infinity")]
    public void A_choice_without_name_or_finite_scale_is_refused(string text) => Assert.Throws<FormatException>(() => AdapterChoice.Parse(text));

    private static float[] Logits(MeKiModel model, AdapterChoice[] adapters)
    {
        using MeKiSession session = model.CreateSession(adapters);
        float[] logits = new float[model.Config.VocabularySize];
        session.Forward(s_tokens, logits);
        return logits;
    }

    private MeKiModel Load(int count, long bytes = 1 << 30)
    {
        MeKiModel model = MeKiModel.Load(tiny.Converted, new() { Threads = 2, AdapterFolder = _folder["adapters"], AdapterBytes = bytes });
        Directory.CreateDirectory(_folder["adapters"]);
        for (int i = 0; i < count; i++)
        {
            if (!File.Exists(_folder[$"adapters/a{i}.gguf"]))
                RandomAdapter.Write(model.Config, _folder[$"adapters/a{i}.gguf"], rank: 4, seed: i + 1);
        }
        return model;
    }
}
