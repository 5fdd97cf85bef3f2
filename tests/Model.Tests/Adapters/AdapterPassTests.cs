using MeKi.Kernels.Operations;
using MeKi.Model.Adapters;
using MeKi.Model.Conversion;
using MeKi.Model.Embeddings;
using MeKi.Model.Layers;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Adapters;

/// <summary>What adapters add: the same bits however it is computed, and what weights give that hold it.</summary>
public sealed class AdapterPassTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Sets => [.. KernelSet.Available.Select(kernels => kernels.Name)];

    public void Dispose() => _folder.Dispose();

    // The branch's matrices and the head are among them.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Logits_are_those_of_weights_that_hold_the_products(bool tied)
    {
        TinyCheckpoint plain = new() { Tied = tied };
        using MeKiModel model = MeKiModel.Load(plain.Write(_folder["plain"]), GoldenAssert.Exact);
        LoraAdapter adapter = RandomAdapter.Of(model.Config, rank: 5, seed: 3);
        string path = _folder["a.gguf"];
        new LoraWriter(model.Config, BlockFormat.Of(GgmlType.F32)).WriteGguf(adapter, path);
        Dictionary<string, LoraPair> pairs = LoraSite.Modules(model.Config).ToDictionary(site => site.Name, site => adapter.Pairs[site.Parts[0].Target]);
        Assert.Equal(9 * 2 + 1, pairs.Count);
        TinyCheckpoint changed = plain with
        {
            Damage = tensors => Merge(tensors, pairs, tied),
            DamageConfig = config => config["tie_word_embeddings"] = false,
        };
        using MeKiModel merged = MeKiModel.Load(changed.Write(_folder["merged"]), GoldenAssert.Exact);
        int[] tokens = TinyModel.Tokens(40);
        using MeKiSession session = model.CreateSession([new(path, 0.7f)]);
        float[] logits = new float[tokens.Length * model.Config.VocabularySize];
        session.Forward(tokens, logits);
        float[] expected = GoldenAssert.AllLogits(merged, tokens), without = GoldenAssert.AllLogits(model, tokens);
        Assert.True(GoldenAssert.RelativeDistance(without, expected) > 1e-2);
        Assert.InRange(GoldenAssert.RelativeDistance(logits, expected), 0, 2e-5);
    }

    [Fact]
    public async Task Embeddings_are_those_of_weights_that_hold_the_default_adapters()
    {
        TinyCheckpoint plain = new() { Tied = false };
        using MeKiModel model = MeKiModel.Load(plain.Write(_folder["plain"]), GoldenAssert.Exact);
        LoraAdapter adapter = RandomAdapter.Of(model.Config, rank: 5, seed: 3);
        string path = _folder["a.gguf"];
        new LoraWriter(model.Config, BlockFormat.Of(GgmlType.F32)).WriteGguf(adapter, path);
        TinyCheckpoint changed = plain with
        {
            Damage = tensors => Merge(
                tensors, LoraSite.Modules(model.Config).ToDictionary(site => site.Name, site => adapter.Pairs[site.Parts[0].Target]), tied: false),
        };
        using MeKiModel merged = MeKiModel.Load(changed.Write(_folder["merged"]), GoldenAssert.Exact);
        float[] without = await Embed(model), expected = await Embed(merged);
        model.DefaultAdapters = [new(path, 0.7f)];
        Assert.True(GoldenAssert.RelativeDistance(without, expected) > 1e-2);
        Assert.InRange(GoldenAssert.RelativeDistance(await Embed(model), expected), 0, 2e-5);
        model.DefaultAdapters = [];
        Assert.Equal(without, await Embed(model));

        static async Task<float[]> Embed(MeKiModel model) =>
            [.. (await model.Loaded.Embedder.EmbedAsync([TinyModel.Tokens(40), TinyModel.Tokens(7, seed: 2)], model.Config.HiddenSize, Pooling.Mean,
                CancellationToken.None)).SelectMany(each => each.Vector)];
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Bits_depend_neither_on_kernels_nor_on_how_tokens_come(string set)
    {
        foreach (GgmlType type in new[] { GgmlType.Q4_0, GgmlType.Q8_0, GgmlType.F16 })
        {
            string path = Convert(type);
            using MeKiModel model = MeKiModel.Load(path, new() { Threads = 2 });
            AdapterChoice[] adapters = [new(RandomAdapter.Write(model.Config, _folder[$"{type}-a.gguf"], rank: 11, seed: 1), 0.5f),
                new(RandomAdapter.Write(model.Config, _folder[$"{type}-b.gguf"], rank: 3, seed: 2), -1)];
            int[] tokens = TinyModel.Tokens(21);
            float[] expected = KernelSet.With(KernelSet.Select("Scalar"), () => Logits(model, adapters, tokens, tokens.Length));
            foreach (int batch in new[] { 1, 2, 7, 21 })
                Assert.Equal(expected, KernelSet.With(KernelSet.Select(set), () => Logits(model, adapters, tokens, batch)));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    public void Bits_do_not_depend_on_threads(int threads)
    {
        string path = Convert(GgmlType.Q4_0);
        using MeKiModel one = MeKiModel.Load(path, new() { Threads = 2 }), other = MeKiModel.Load(path, new() { Threads = threads });
        AdapterChoice[] adapters = [new(RandomAdapter.Write(one.Config, _folder["a.gguf"], rank: 30))];
        int[] tokens = TinyModel.Tokens(50);
        Assert.Equal(Logits(one, adapters, tokens, 50), Logits(other, adapters, tokens, 50));
        Assert.Equal(Logits(one, adapters, tokens, 1), Logits(other, adapters, tokens, 1));
    }

    [Fact]
    public void Adapters_that_are_loaded_and_not_selected_change_no_bit()
    {
        using MeKiModel model = MeKiModel.Load(Convert(GgmlType.Q8_0));
        int[] tokens = TinyModel.Tokens(30);
        float[] before = GoldenAssert.AllLogits(model, tokens);
        string path = RandomAdapter.Write(model.Config, _folder["a.gguf"]);
        using MeKiSession session = model.CreateSession([new(path)]);
        float[] with = Logits(model, [new(path)], tokens, 30);
        Assert.NotEqual(before, with);
        Assert.Equal(before, GoldenAssert.AllLogits(model, tokens));
        Assert.Equal(before, Logits(model, [new(path, 0)], tokens, 30));
    }

    [Fact]
    public void Sequences_of_one_batch_have_adapters_of_their_own()
    {
        foreach (GgmlType type in new[] { GgmlType.Q8_0, GgmlType.F32 })
        {
            using MeKiModel model = MeKiModel.Load(Convert(type), new() { Threads = 2 });
            LoadedModel loaded = model.Loaded;
            AdapterChoice a = new(RandomAdapter.Write(model.Config, _folder[$"{type}-a.gguf"], seed: 1)),
                b = new(RandomAdapter.Write(model.Config, _folder[$"{type}-b.gguf"], seed: 2));
            AdapterChoice[][] choices = [[a], [], [a, b], [b], [b]];
            int[] counts = [3, 9, 1, 14, 2];
            int vocabulary = model.Config.VocabularySize;
            AdapterSet?[] sets = [.. choices.Select(each => loaded.Adapters.Acquire(each))];
            KvCache[] caches = [.. counts.Select(_ => new KvCache(loaded.Kv))];
            int[][] sequences = [.. counts.Select((count, i) => TinyModel.Tokens(count, seed: i + 1))];
            float[] logits = new float[counts.Length * vocabulary];
            Segment[] segments = [.. counts.Select((count, i) => new Segment(caches[i], count, 1, sets[i]))];
            Pass pass = loaded.CreatePass();
            pass.Run(sequences.SelectMany(each => each).ToArray(), segments, [], logits, CancellationToken.None);
            for (int i = 0; i < counts.Length; i++)
            {
                float[] alone = new float[vocabulary];
                using MeKiSession session = model.CreateSession(choices[i]);
                session.Forward(sequences[i], alone);
                Assert.Equal(alone, logits[(i * vocabulary)..((i + 1) * vocabulary)]);
            }
            pass.Branch?.Rows.Dispose();
            foreach (KvCache cache in caches)
                cache.Dispose();
            foreach (AdapterSet? set in sets)
                set?.Dispose();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public void An_adapter_costs_no_barrier(int tokens)
    {
        using MeKiModel model = MeKiModel.Load(Convert(GgmlType.Q8_0), new() { Threads = 2 });
        string path = RandomAdapter.Write(model.Config, _folder["a.gguf"]);
        Assert.Equal(Regions([]), Regions([new(path)]));

        long Regions(AdapterChoice[] adapters)
        {
            using MeKiSession session = model.CreateSession(adapters);
            session.Forward([1, 2, 3], []);
            long before = model.Loaded.Pool.Regions;
            session.Forward(TinyModel.Tokens(tokens), new float[model.Config.VocabularySize]);
            return model.Loaded.Pool.Regions - before;
        }
    }

    private static float[] Logits(MeKiModel model, AdapterChoice[] adapters, int[] tokens, int batch)
    {
        using MeKiSession session = model.CreateSession(adapters);
        int vocabulary = model.Config.VocabularySize;
        float[] logits = new float[tokens.Length * vocabulary];
        for (int first = 0; first < tokens.Length; first += batch)
        {
            int count = Math.Min(batch, tokens.Length - first);
            session.Forward(tokens.AsSpan(first, count), logits.AsSpan(first * vocabulary, count * vocabulary));
        }
        return logits;
    }

    private string Convert(GgmlType type)
    {
        string checkpoint = _folder["c"], to = _folder[type.ToString()];
        if (!Directory.Exists(checkpoint))
            new TinyCheckpoint { Tied = false }.Write(checkpoint);
        if (!Directory.Exists(to))
            Converter.Convert(checkpoint, to, new() { WeightType = WeightRecipe.Of(type) });
        return to;
    }

    private static void Merge(IDictionary<string, CheckpointTensor> tensors, Dictionary<string, LoraPair> pairs, bool tied)
    {
        foreach ((string module, LoraPair pair) in pairs)
        {
            string name = module + ".weight";
            if (tied && module == "lm_head")
            {
                // The embedding stays, the head becomes a matrix of its own.
                CheckpointTensor embedding = tensors["model.embed_tokens.weight"];
                tensors[name] = new(embedding.Shape, [.. embedding.Values]);
            }
            float[] a = pair.A.ToFloats(), b = pair.B.ToFloats(), w = tensors[name].Values;
            int columns = pair.A.Columns;
            for (int row = 0; row < pair.B.Rows; row++)
            {
                for (int column = 0; column < columns; column++)
                {
                    double sum = 0;
                    for (int k = 0; k < pair.Rank; k++)
                        sum += (double)b[row * pair.Rank + k] * a[k * columns + column];
                    w[row * columns + column] += (float)(0.7f * pair.Scale * sum);
                }
            }
        }
    }
}
