using System.Numerics.Tensors;
using System.Security.Cryptography;
using MeKi.Model.Checkpoints;
using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Synthesis;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Store;

namespace MeKi.Model.Tests.Synthesis;

public class SyntheticModelTest
{
    private static readonly SyntheticShape Tiny = SyntheticShape.Of("tiny");

    public static TheoryData<GgmlType> Types => [.. BlockFormat.All.Select(format => format.Type)];

    [Theory]
    [MemberData(nameof(Types))]
    public void A_dense_model_of_every_type_runs_and_its_logits_are_of_sensible_size(GgmlType type)
    {
        using TemporaryFolder folder = new();
        SyntheticModel.Write(Tiny, folder.FullName, new() { WeightType = WeightRecipe.Of(type) });
        using MeKiModel model = MeKiModel.Load(folder.FullName);
        Assert.Equal(Tiny.Config(0), model.Config);
        Assert.Equal(["model.gguf"], Names(folder));
        AssertSensible(Logits(model));
    }

    [Theory]
    [InlineData(RowType.F32)]
    [InlineData(RowType.F16)]
    [InlineData(RowType.Int8)]
    [InlineData(RowType.Int4)]
    public async Task A_model_with_the_branch_runs_reads_its_rows_and_generates(RowType rows)
    {
        using TemporaryFolder folder = new();
        SyntheticModel.Write(Tiny, folder.FullName, new() { MemoryDimension = 64, RowType = rows });
        using MeKiModel model = MeKiModel.Load(folder.FullName);
        Assert.Equal(Tiny.Config(64), model.Config);
        AssertSensible(Logits(model));
        Assert.Equal(3 * model.Config.Layers, model.StoreCounters.RowsRead);
        int pieces = 0;
        await foreach (string _ in model.GenerateAsync("A bacodu.", new() { Temperature = 0, MaxTokens = 8 }))
            pieces++;
        Assert.InRange(pieces, 1, 9);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(48)]
    public void The_same_seed_gives_the_same_bytes_on_any_number_of_threads(int memory)
    {
        string[] runs = [.. new[] { 1, 2, 7 }.Select(threads => HashOf(new() { MemoryDimension = memory, Seed = 5, Threads = threads }))];
        Assert.Single(runs.Distinct());
        Assert.NotEqual(runs[0], HashOf(new() { MemoryDimension = memory, Seed = 6 }));
    }

    [Fact]
    public void The_branch_leaves_the_backbone_of_a_seed_as_it_is()
    {
        using TemporaryFolder dense = new(), branch = new();
        SyntheticModel.Write(Tiny, dense.FullName);
        SyntheticModel.Write(Tiny, branch.FullName, new() { MemoryDimension = 64 });
        using GgufFile a = GgufFile.Open(dense["model.gguf"]), b = GgufFile.Open(branch["model.gguf"]);
        Assert.Equal(a.Tensors.Count + 3 * Tiny.Config(0).Layers, b.Tensors.Count);
        foreach (GgufTensor tensor in a.Tensors)
            Assert.True(CanonicalBlocks.Of(a, tensor).SequenceEqual(CanonicalBlocks.Of(b, b.GetTensor(tensor.Name))), tensor.Name);
    }

    [Theory]
    [InlineData(GgmlType.F32)]
    [InlineData(GgmlType.Q8_0)]
    public void Matrices_have_the_deviation_that_keeps_their_input_at_its_size_and_norms_are_1(GgmlType type)
    {
        using TemporaryFolder folder = new();
        SyntheticModel.Write(Tiny, folder.FullName, new() { WeightType = WeightRecipe.Of(type), MemoryDimension = 64 });
        using GgufFile file = GgufFile.Open(folder["model.gguf"]);
        foreach (GgufTensor tensor in file.Tensors)
        {
            BlockFormat format = CanonicalBlocks.FormatOf(tensor);
            float[] values = new float[tensor.Dimensions.Aggregate(1L, (product, length) => product * length)];
            format.Decode(CanonicalBlocks.Of(file, tensor), values);
            if (tensor.Dimensions.Length == 1)
                Assert.All(values, value => Assert.Equal(1, value));
            else
                Assert.Equal(1, TensorPrimitives.Norm<float>(values) / MathF.Sqrt(values.Length) * MathF.Sqrt(tensor.Dimensions[0]), 0.02);
        }
    }

    [Fact]
    public void A_matrix_whose_rows_are_not_whole_blocks_is_f16()
    {
        using TemporaryFolder folder = new();
        SyntheticModel.Write(Tiny, folder.FullName, new() { MemoryDimension = 48 });
        using GgufFile file = GgufFile.Open(folder["model.gguf"]);
        Assert.Equal(PanelFormat.Find(GgmlType.F16)!.TensorType, file.GetTensor("blk.0.meki_out.weight").Type);
        Assert.Equal(PanelFormat.Find(GgmlType.Q8_0)!.TensorType, file.GetTensor("blk.0.meki_gate.weight").Type);
        Assert.Equal(GgmlType.F32, file.GetTensor("blk.0.meki_post_norm.weight").Type);
    }

    [Theory]
    [InlineData(RowType.F32)]
    [InlineData(RowType.F16)]
    [InlineData(RowType.Int8)]
    [InlineData(RowType.Int4)]
    public void Sizes_are_the_layouts_and_rows_are_finite_of_rms_1_and_no_two_alike(RowType type)
    {
        using TemporaryFolder folder = new();
        ConversionResult result = SyntheticModel.Write(Tiny, folder.FullName, new() { MemoryDimension = 128, RowType = type });
        Assert.Equal(folder["model.gguf"], result.ModelPath);
        Assert.Equal(folder["model.rows"], result.RowsPath);
        Assert.Equal(new FileInfo(result.ModelPath).Length, result.ModelBytes);
        Assert.Equal(new FileInfo(result.RowsPath!).Length, result.RowsBytes);

        using RowStore store = RowStore.Open(result.RowsPath!);
        RowFileLayout layout = store.Layout;
        Assert.Equal((result.Identity, 2048, 4, 128, type, result.RowsBytes),
            (layout.Identity, layout.VocabularySize, layout.Layers, layout.Dimension, layout.Type, layout.FileBytes));
        using RowLease lease = store.Lease([.. Enumerable.Range(0, layout.VocabularySize)]);
        float[] row = new float[layout.Dimension];
        HashSet<(float, float, float, float)> seen = [];
        double squares = 0;
        for (int token = 0; token < layout.VocabularySize; token++)
        {
            for (int layer = 0; layer < layout.Layers; layer++)
            {
                lease.Decode(token, layer, row);
                float rms = TensorPrimitives.Norm<float>(row) / MathF.Sqrt(row.Length);
                // 1 ± 0.05 each: six deviations.
                Assert.InRange(rms, 0.7f, 1.3f);
                Assert.True(seen.Add((row[0], row[32], row[64], row[^1])), $"token {token}, layer {layer}");
                squares += rms * rms;
            }
        }
        Assert.Equal(1, squares / layout.VocabularySize / layout.Layers, 0.005);
    }

    [Theory]
    [InlineData("weights")]
    [InlineData("rows")]
    public void Cancelling_leaves_nothing(string stage)
    {
        using TemporaryFolder folder = new();
        string target = folder["new"];
        using CancellationTokenSource cancellation = new();
        OnStage progress = new(stage, cancellation.Cancel);
        // m 1024: a row file of more than one block, so that the token is looked at again.
        Assert.ThrowsAny<OperationCanceledException>(() =>
            SyntheticModel.Write(Tiny, target, new() { MemoryDimension = 1024, RowType = RowType.F32 }, progress, cancellation.Token));
        Assert.True(progress.Seen);
        Assert.False(Directory.Exists(target));
    }

    [Fact]
    public void Cancelling_keeps_what_was_there()
    {
        using TemporaryFolder folder = new();
        folder.Add("model.gguf", [1, 2, 3]);
        Assert.ThrowsAny<OperationCanceledException>(() => SyntheticModel.Write(Tiny, folder.FullName, cancellationToken: new(canceled: true)));
        Assert.Equal(["model.gguf"], Names(folder));
        Assert.Equal([1, 2, 3], File.ReadAllBytes(folder["model.gguf"]));
    }

    [Fact]
    public void Progress_reaches_its_end()
    {
        using TemporaryFolder folder = new();
        List<WorkProgress> reports = [];
        ConversionResult result = SyntheticModel.Write(Tiny, folder.FullName, new() { MemoryDimension = 32 }, new Collector(reports));
        Assert.Equal(["weights", "rows"], reports.Select(report => report.Stage).Distinct());
        Assert.All(["weights", "rows"], stage =>
        {
            WorkProgress last = reports.Last(report => report.Stage == stage);
            Assert.Equal(last.Total, last.Done);
        });
        // All but the header and the checksums.
        Assert.Equal(result.RowsBytes - 4096 - 8 * 4, reports[^1].Total);
    }

    [Fact]
    public void What_cannot_be_made_is_said_in_one_line()
    {
        using TemporaryFolder folder = new();
        string file = folder.Add("file", [0]);
        ModelFileException notAFolder = Assert.Throws<ModelFileException>(() => SyntheticModel.Write(Tiny, file));
        Assert.Contains("cannot be written", notAFolder.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => SyntheticModel.Write(Tiny, folder.FullName, new() { MemoryDimension = -1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => SyntheticModel.Write(Tiny, folder.FullName, new() { MemoryDimension = 65_537 }));
        Assert.Throws<NotSupportedException>(() => SyntheticModel.Write(Tiny, folder.FullName, new() { WeightType = WeightRecipe.Of(GgmlType.IQ1_S) }));
        ArgumentException unknown = Assert.Throws<ArgumentException>(() => SyntheticShape.Of("huge"));
        Assert.All(SyntheticShape.All, shape => Assert.Contains(shape.Name, unknown.Message, StringComparison.Ordinal));
        Assert.Equal(["file"], Names(folder));
    }

    [Theory]
    [InlineData("qwen3-0.6b", 595_787_776)]
    [InlineData("qwen3-1.7b", 1_720_050_688)]
    [InlineData("qwen3-4b", 4_021_812_736)]
    public void The_shapes_have_the_released_models_weights(string name, long expected)
    {
        ModelConfig config = SyntheticShape.Of(name).Config(0).Checked(name);
        Assert.Equal(expected, BackboneTensor.List(config, WeightRecipe.Of(GgmlType.F32), panels: false).Sum(tensor => (long)tensor.Rows * tensor.Columns));
    }

    // Elements of the table, and weights without it and without the embedding, in thousands of millions.
    [Theory]
    [InlineData("gemma3-1b", 0, 0.698)]
    [InlineData("gemma3n-e2b", 2_013_265_920, 1.905)]
    [InlineData("gemma3n-e4b", 2_348_810_240, 3.98)]
    [InlineData("gemma4-e2b", 2_348_810_240, 1.87)]
    [InlineData("gemma4-e4b", 2_818_572_288, 3.97)]
    public void A_gemma_shape_has_the_released_models_tensors(string name, long table, double billions)
    {
        ModelConfig config = SyntheticShape.Of(name).Config(0);
        List<BackboneTensor> tensors = BackboneTensor.List(config, WeightRecipe.Of(GgmlType.Q4_0), panels: false);
        Assert.Equal(table, tensors.Where(tensor => tensor.Spec.IsTable).Sum(tensor => (long)tensor.Rows * tensor.Columns));
        Assert.Equal(billions,
            tensors.Where(tensor => !tensor.Spec.IsTable && !tensor.Spec.OverVocabulary).Sum(tensor => (long)tensor.Rows * tensor.Columns) / 1e9, 0.02);
        Assert.Contains(name, Assert.Throws<ArgumentException>(() => SyntheticShape.Of(name).Config(128)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gemma3-1b")]
    [InlineData("gemma3n-e2b")]
    [InlineData("gemma4-e2b")]
    public void A_gemma_shape_is_written_and_runs(string name)
    {
        using TemporaryFolder folder = new();
        ModelConfig config = SyntheticShape.Of(name).Config(0);
        int heads = config.HeadDimension / 8;
        config = config with
        {
            VocabularySize = 1024,
            HiddenSize = 64,
            HeadDimension = heads,
            RotaryDimension = heads,
            SlidingHeadDimension = 32,
            FeedForwardSize = 128,
            FeedForwardSizes = [.. config.FeedForwardSizes.Select(size => size / 96)],
            MemoryDimension = config.MemoryDimension / 8,
            EmbeddingScale = 8,
        };
        if (config.RopeScaling is not null)
            config.RopeScaling = ConfigRopeScaling.Proportional(config, 0.25f, 1);
        SyntheticModel.Write(new SyntheticShape("small", config), folder.FullName, new() { WeightType = WeightRecipe.Of(GgmlType.Q8_0) });
        using MeKiModel model = MeKiModel.Load(folder.FullName);
        Assert.Equal(config.Checked(name).VariantText(), model.Config.VariantText());
        Assert.Equal(config.Geometry.Select(layer => layer with { Rotary = null }), model.Config.Geometry.Select(layer => layer with { Rotary = null }));
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[1024];
        session.Forward(model.Tokenizer!.Encode("ba bace abi"), logits);
        Assert.All(logits, logit => Assert.InRange(logit, -30, 30));
        Assert.True(logits.Max() > 0.1f);
    }

    private static float[] Logits(MeKiModel model)
    {
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[model.Config.VocabularySize];
        session.Forward([300, 17, 2000], logits);
        return logits;
    }

    private static void AssertSensible(float[] logits)
    {
        Assert.True(TensorPrimitives.IsFiniteAll<float>(logits));
        Assert.InRange(TensorPrimitives.Norm<float>(logits) / MathF.Sqrt(logits.Length), 0.5f, 2);
    }

    private static string HashOf(SyntheticModelOptions options)
    {
        using TemporaryFolder folder = new();
        SyntheticModel.Write(Tiny, folder.FullName, options);
        return string.Join(' ', Names(folder).Select(name => name + Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(folder[name])))));
    }

    private static string[] Names(TemporaryFolder folder) =>
        [.. Directory.EnumerateFileSystemEntries(folder.FullName).Select(path => Path.GetFileName(path)).Order()];

    private static ReadOnlySpan<byte> Bytes(GgufFile file, GgufTensor tensor) => file.File.Span(tensor.Offset, (int)tensor.ByteLength);

    private sealed class OnStage(string stage, Action action) : IProgress<WorkProgress>
    {
        public bool Seen { get; private set; }

        public void Report(WorkProgress value)
        {
            if (value.Stage != stage)
                return;
            Seen = true;
            action();
        }
    }

    private sealed class Collector(List<WorkProgress> reports) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => reports.Add(value);
    }
}
