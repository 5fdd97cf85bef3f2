using System.Globalization;
using MeKi.Kernels;
using MeKi.Model.Checkpoints;
using MeKi.Model.Conversion;
using MeKi.Tests;
using MeKi.Model.Tests.Files;
using MeKi.Quant;

namespace MeKi.Model.Tests.Inference;

/// <summary>What a model takes is known before it is loaded, and a model that takes more than is allowed is refused then.</summary>
public sealed class MaxMemoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("checkpoint", false)]
    [InlineData("checkpoint", true)]
    [InlineData("f32", false)]
    [InlineData("f32", true)]
    [InlineData("q5_0", false)]
    [InlineData("q5_0", true)]
    public void A_model_loads_with_what_it_takes_and_not_with_a_byte_less(string kind, bool copy)
    {
        string path = Write(kind);
        LoadOptions options = new() { CopyWeights = copy, Rows = new() { CacheBytes = 1 << 20 } };
        long need = Need(path, options).Total;
        using (MeKiModel model = MeKiModel.Load(path, options with { MaxMemory = need }))
        using (MeKiSession session = model.CreateSession())
            session.Forward([1], []);
        InsufficientMemoryException failure = Assert.Throws<InsufficientMemoryException>(() => MeKiModel.Load(path, options with { MaxMemory = need - 1 }));
        Assert.Contains(need.ToString("n0", CultureInfo.InvariantCulture), failure.Message, StringComparison.Ordinal);
        Assert.Contains((need - 1).ToString("n0", CultureInfo.InvariantCulture), failure.Message, StringComparison.Ordinal);
        foreach (string part in new[] { "mapped", "packed", "while loading", "keys and values", "rows", "scratch", "--max-memory" })
            Assert.Contains(part, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("checkpoint")]
    [InlineData("f32")]
    [InlineData("q5_0")]
    public void The_weights_of_the_sum_are_those_that_loading_tells_of(string kind)
    {
        string path = Write(kind);
        MemoryNeed need = Need(path, new());
        using MeKiModel model = MeKiModel.Load(path);
        Assert.Equal(model.LoadReport.MappedBytes, need.Mapped);
        // Vectors are not in the report.
        Assert.InRange(need.Packed - model.LoadReport.PackedBytes, 0, 64 << 10);
    }

    [Fact]
    public void Keys_and_values_are_counted_as_a_session_takes_them_or_as_the_options_bound_them()
    {
        string path = Write("f32");
        using (MeKiModel model = MeKiModel.Load(path))
        using (MeKiSession session = model.CreateSession())
        {
            session.Forward([1], []);
            Assert.Equal(session.KvCacheBytes, Need(path, new()).Kv);
        }
        Assert.Equal(12_345, Need(path, new() { MaxKvBytes = 12_345 }).Kv);
        Assert.True(Need(path, new() { KeyFormat = KvFormat.F32 }).Kv > Need(path, new()).Kv);
    }

    [Fact]
    public void What_the_model_leaves_bounds_the_keys_and_values_of_texts()
    {
        string path = Write("f32");
        MemoryNeed need = Need(path, new());
        long spare = 3 * need.Kv;
        using MeKiModel model = MeKiModel.Load(path, new() { MaxMemory = need.Total + spare });
        Assert.InRange(model.EngineCounters.KvLimit, need.Kv, need.Kv + spare);
        using MeKiModel bounded = MeKiModel.Load(path, new() { MaxMemory = need.Total + spare, MaxKvBytes = need.Kv });
        Assert.Equal(need.Kv, bounded.EngineCounters.KvLimit);
    }

    [Fact]
    public void A_bound_of_no_bytes_is_refused() =>
        Assert.Equal("MaxMemory", Assert.Throws<ArgumentOutOfRangeException>(() => new LoadOptions { MaxMemory = 0 }).ParamName);

    private string Write(string kind)
    {
        string path = new TinyCheckpoint { Tied = false }.Write(_folder["c"]);
        if (kind == "checkpoint")
            return path;
        Converter.Convert(path, _folder["m"], new() { WeightType = WeightRecipe.Of(kind == "f32" ? GgmlType.F32 : GgmlType.Q5_0) });
        return _folder["m"];
    }

    private static MemoryNeed Need(string path, LoadOptions options)
    {
        string gguf = Path.Combine(path, ModelFiles.ModelName);
        using WeightSource source = File.Exists(gguf) ? GgufModel.Open(gguf) : HuggingFaceCheckpoint.Open(path);
        return MemoryNeed.Of(source, options);
    }
}
