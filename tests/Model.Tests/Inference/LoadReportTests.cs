using MeKi.Kernels.Operations;
using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;
using Microsoft.Extensions.Logging;

namespace MeKi.Model.Tests.Inference;

/// <summary>What a load tells of itself, to its caller and to a log.</summary>
public sealed class LoadReportTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private static readonly string Demo = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_with_panels_is_mapped_and_logged_in_one_line()
    {
        Lines log = new();
        using MeKiModel model = MeKiModel.Load(Demo, new() { Threads = 2, Logger = log });
        LoadReport report = model.LoadReport;
        Assert.True(report.MappedBytes > 1_000_000, $"{report.MappedBytes} bytes mapped");
        Assert.Equal((0, Path.Combine(Demo, "model.gguf"), 2, KernelSelection.Name), (report.PackedBytes, report.Path, report.Threads, report.Kernels));
        Assert.Empty(report.Reencoded);
        Assert.True(report.LoadTime > TimeSpan.Zero);
        (LogLevel level, string line) = Assert.Single(log.Written);
        Assert.Equal(LogLevel.Information, level);
        Assert.StartsWith($"Loaded {report.Path}: {report.MappedBytes} bytes of panels mapped, 0 packed; 2 threads, kernels {KernelSelection.Name}, ", line,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(GgmlType.Q4_1)]
    [InlineData(GgmlType.Q5_0)]
    [InlineData(GgmlType.Q5_1)]
    [InlineData(GgmlType.IQ4_NL)]
    public void A_format_without_panels_is_encoded_anew_and_said_so(GgmlType type)
    {
        const int HeadBytes = 304 * 2 * 34; // 300 rows in panels of 8, two blocks of Q8_0 each
        Converter.Convert(tiny.Checkpoint, _folder["m"], new() { WeightType = WeightRecipe.Of(type) });
        Lines log = new();
        using MeKiModel model = MeKiModel.Load(_folder["m"], new() { Logger = log });
        LoadReport report = model.LoadReport;
        // Two layers of seven matrices and the branch's two, and the embedding. The head is Q8_0 already, Q6_K where its rows were whole blocks.
        ReencodedWeights weights = Assert.Single(report.Reencoded);
        Assert.Equal((type, GgmlType.Q8_0, 2 * 9 + 1), (weights.From, weights.To, weights.Tensors));
        Assert.Equal(0, report.MappedBytes);
        Assert.Equal(report.PackedBytes, weights.Bytes + HeadBytes);
        Assert.Equal(2, log.Written.Count);
        Assert.StartsWith($"{report.Path}: 19 tensors, {weights.Bytes} bytes, were encoded anew, "
            + $"for their formats have no panels: 19 × {BlockFormat.Of(type).Name} to q8_0", log.Written[1].Text,
            StringComparison.Ordinal);
        Assert.Contains($" | encoded anew: 19 × {BlockFormat.Of(type).Name} to q8_0", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_is_packed_with_its_projections()
    {
        using MeKiModel model = tiny.Load(converted: false, threads: 1), converted = tiny.Load(converted: true, threads: 1);
        Assert.Equal(0, model.LoadReport.MappedBytes);
        Assert.Empty(model.LoadReport.Reencoded);
        long weights = converted.LoadReport.PackedBytes + converted.LoadReport.MappedBytes;
        Assert.True(model.LoadReport.PackedBytes > weights, $"{model.LoadReport.PackedBytes} bytes with the projections, {weights} without");
    }

    [Fact]
    [Trait("Fault", "18.5")]
    public void A_gguf_that_does_not_say_how_to_split_is_a_warning_in_the_report_and_the_log()
    {
        Converter.Convert(tiny.Checkpoint, _folder["m"]);
        string path = _folder["m/model.gguf"];
        using (GgufFile file = GgufFile.Open(path))
        {
            GgufMetadata metadata = new(_folder["copy"]);
            foreach ((string key, object value) in file.Metadata)
            {
                if (key != "tokenizer.ggml.pre")
                    metadata[key] = value;
            }
            using FileStream copy = File.Create(_folder["copy"]);
            new GgufWriter(metadata, [.. file.Tensors.Select(tensor => new GgufTensorSource(tensor.Name, tensor.Type, tensor.Dimensions,
                (stream, _) => stream.Write(file.File.Span(tensor.Offset, (int)tensor.ByteLength))))]).WriteTo(copy, default);
        }
        File.Move(_folder["copy"], path, overwrite: true);
        Lines log = new();
        using MeKiModel model = MeKiModel.Load(_folder["m"], new() { Logger = log });
        string warning = Assert.Single(model.LoadReport.Warnings);
        Assert.Contains("'tokenizer.ggml.pre' is missing", warning, StringComparison.Ordinal);
        Assert.Contains((LogLevel.Warning, $"{path}: {warning}"), log.Written);
    }

    private sealed class Lines : ILogger
    {
        public List<(LogLevel Level, string Text)> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add((logLevel, formatter(state, exception)));
    }
}
