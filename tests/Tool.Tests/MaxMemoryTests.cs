using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Quant;

namespace MeKi.Tool.Tests;

/// <summary><c>--max-memory</c>, and the sum that <c>meki inspect</c> prints.</summary>
public sealed class MaxMemoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("run", "ROMEO:", "-n", "1")]
    [InlineData("bench", "-p", "1", "-n", "0", "-r", "1")]
    [InlineData("eval", "piqa=README.md")]
    [InlineData("perplexity", "-f", "README.md")]
    [InlineData("compare", "models/tiny-meki", "models/tiny-meki", "-f", "README.md")]
    public async Task A_model_that_takes_more_is_refused_with_the_sum(params string[] arguments)
    {
        ProgramResult run = await MekiProgram.Run([.. arguments, "--max-memory", "1.5"]);
        run.AssertFailed(1, "bytes of memory: weights");
        Assert.Contains("1,572,864 are allowed", run.Errors[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_sum_that_inspect_prints_is_enough_and_a_megabyte_less_is_not()
    {
        double need = await NeedOf(MekiProgram.DemoModel) / (1 << 20);
        string[] run = ["run", "ROMEO:", "-n", "4", "--max-memory"];
        Assert.Equal(0, (await MekiProgram.Run([.. run, (need + 0.001).ToString("f4", CultureInfo.InvariantCulture)])).ExitCode);
        (await MekiProgram.Run([.. run, (need - 1).ToString("f4", CultureInfo.InvariantCulture)])).AssertFailed(1, "bytes of memory");
    }

    [UnixFact]
    public async Task The_sum_is_what_the_process_grows_by()
    {
        // Of one layer's batch only the last token would see the FFN.
        string small = Write(2), large = Write(6);
        double told = (await NeedOf(large) - await NeedOf(small)) / 1e6, grew = await PeakOf(large) - await PeakOf(small);
        Assert.InRange(grew, 0.9 * told, 1.1 * told);
    }

    private static async Task<double> NeedOf(string path) => double.Parse(
        Regex.Match((await MekiProgram.Run("inspect", path)).Output, @"(?m)^to run +([\d,]+) bytes of memory").Groups[1].Value, CultureInfo.InvariantCulture);

    private static async Task<double> PeakOf(string path)
    {
        ProgramResult run = await MekiProgram.Run("bench", "-m", path, "-p", "256", "-n", "2", "-r", "1", "-o", "json");
        Assert.True(run.ExitCode == 0, run.Errors.LastOrDefault());
        return JsonDocument.Parse(run.Output).RootElement.EnumerateArray().Max(row => row.GetProperty("peak_resident_megabytes").GetDouble());
    }

    // Zeros, in rows, so that all of it is packed.
    private string Write(int layers)
    {
        const int Hidden = 1024, FeedForward = 4096, Vocabulary = 512;
        GgufMetadata metadata = new("")
        {
            ["general.architecture"] = "llama", ["llama.block_count"] = (uint)layers, ["llama.context_length"] = 512u,
            ["llama.embedding_length"] = (uint)Hidden, ["llama.feed_forward_length"] = (uint)FeedForward, ["llama.attention.head_count"] = 16u,
            ["llama.attention.layer_norm_rms_epsilon"] = 1e-5f,
        };
        List<GgufTensorSource> tensors = [Matrix("token_embd", Hidden, Vocabulary), Vector("output_norm")];
        for (int layer = 0; layer < layers; layer++)
        {
            string prefix = $"blk.{layer}.";
            tensors.AddRange([Vector(prefix + "attn_norm"), Vector(prefix + "ffn_norm"), Matrix(prefix + "ffn_gate", Hidden, FeedForward),
                Matrix(prefix + "ffn_up", Hidden, FeedForward), Matrix(prefix + "ffn_down", FeedForward, Hidden)]);
            tensors.AddRange(new[] { "attn_q", "attn_k", "attn_v", "attn_output" }.Select(name => Matrix(prefix + name, Hidden, Hidden)));
        }
        string path = _folder[$"{layers}.gguf"];
        using FileStream file = File.Create(path);
        new GgufWriter(metadata, tensors).WriteTo(file, default);
        return path;

        static GgufTensorSource Matrix(string name, long columns, long rows) => Zeros(name, GgmlType.Q8_0, [columns, rows], columns / 32 * 34 * rows);

        static GgufTensorSource Vector(string name) => Zeros(name, GgmlType.F32, [Hidden], sizeof(float) * Hidden);

        static GgufTensorSource Zeros(string name, GgmlType type, ImmutableArray<long> sides, long bytes) =>
            new($"{name}.weight", type, sides, (stream, _) => stream.Write(new byte[bytes]));
    }
}
