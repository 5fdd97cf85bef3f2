using System.Text.Json;
using MeKi.Kernels;
using MeKi.Model.Conversion;
using MeKi.Model.Evaluation;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Model.Tokenization;
using MeKi.Quant;
using MeKi.Store;
using MeKi.Tests;

namespace MeKi.Model.Tests.Evaluation;

public class PerplexityTests
{
    // Our own words, close to 200 tokens of the demo model.
    private const string Text = """
        STEWARD:
        My lord, the guests are come, the tables laid,
        And every torch that we could find is lit.
        The cook has sworn he will not sleep again
        Until the last of them has praised his bread.

        LORD:
        Then let them in, and bid the music play.
        I would not have it told in other towns
        That any man went hungry from my door.
        But tell me, steward, is my brother here?

        STEWARD:
        He sent a letter, sir, and not himself.
        The road is foul, he writes, and he is old;
        Yet by the month's end he will see you well,
        If winter and his horses both allow.

        LORD:
        So he has written for these seven years.
        """;

    private static readonly string Folder = Path.Combine(SharedMaterial.Repository, "models", "tiny-meki");

    // The float64 pass computes with activations as they are. So does the engine where weights are floats: those of the demo, decoded, are the same operands,
    // and the bounds are those of float32 arithmetic. Where weights are q8_0 the engine rounds activations to 8 bits, half a step of max|x| / 127 each.
    [Theory]
    [InlineData(GgmlType.F32, 1e-4, 1e-3)]
    [InlineData(GgmlType.Q8_0, 1e-3, 3e-3)]
    public void Perplexity_is_that_of_a_pass_in_float64_loops(GgmlType weights, double meanBound, double perplexityBound)
    {
        const int Window = 64, First = 32;
        using TemporaryFolder folder = new();
        string path = Folder;
        if (weights == GgmlType.F32)
            Quantizer.Quantize(Folder, path = folder["f32"], WeightRecipe.Of(weights), requantize: true);
        using MeKiModel model = MeKiModel.Load(path);
        using DoublePass reference = new(Folder);
        int[] tokens = model.Tokenizer!.Encode(Text);
        int windows = tokens.Length / Window;
        Assert.InRange(windows, 2, 4);
        List<double> expected = [];
        for (int i = 0; i < windows; i++)
            expected.AddRange(reference.Nll(tokens[(i * Window)..((i + 1) * Window)])[First..]);

        PerplexityResult result = Perplexity.Measure(model, new(Text), Window);

        Assert.Equal((windows * (Window - 1 - First), windows), (result.Tokens, result.Windows));
        double mean = expected.Average(), variance = expected.Sum(nll => (nll - mean) * (nll - mean)) / (expected.Count - 1);
        Assert.Equal(mean, result.NegativeLogLikelihood.Mean, mean * meanBound);
        Assert.Equal(Math.Sqrt(variance / expected.Count), result.NegativeLogLikelihood.StandardError, 1e-3);
        Assert.Equal(Math.Exp(mean), result.Perplexity, Math.Exp(mean) * perplexityBound);
        Assert.Equal(result.Perplexity * result.NegativeLogLikelihood.StandardError, result.StandardError, 12);
    }

    [Fact]
    public void Four_bit_rows_move_the_demo_models_mean_nll_by_less_than_a_hundredth()
    {
        using TemporaryFolder folder = new();
        File.Copy(Path.Combine(Folder, "model.gguf"), folder["model.gguf"]);
        using (RowStore shipped = RowStore.Open(Path.Combine(Folder, "model.rows")))
        using (FileStream stream = File.Create(folder["model.rows"]))
        {
            RowFileWriter writer = new(stream, shipped.Layout with { Type = RowType.Int4 });
            byte[] record = new byte[writer.Layout.RecordStride];
            float[] row = new float[writer.Layout.Dimension];
            for (int token = 0; token < writer.Layout.VocabularySize; token++)
            {
                using RowLease lease = shipped.Lease([token]);
                for (int layer = 0; layer < writer.Layout.Layers; layer++)
                {
                    lease.Decode(0, layer, row);
                    RowCodec.Encode(writer.Layout, row, layer, record);
                }
                writer.Append(record);
            }
            writer.Complete();
        }
        double shippedNll = Nll(Folder), smallerNll = Nll(folder.FullName);
        Assert.NotEqual(shippedNll, smallerNll);
        Assert.Equal(shippedNll, smallerNll, 0.01);

        static double Nll(string path)
        {
            using MeKiModel model = MeKiModel.Load(path);
            return Perplexity.Measure(model, new(Text), 64, 16).NegativeLogLikelihood.Mean;
        }
    }

    [Theory]
    [InlineData(48, 16)]
    [InlineData(40, 39)]
    [InlineData(65, 1)]
    public void Strided_windows_score_their_last_tokens(int window, int stride)
    {
        using MeKiModel model = MeKiModel.Load(Folder);
        int[] tokens = model.Tokenizer!.Encode(Text)[..100];
        string text = model.Tokenizer!.Decode(tokens);
        Assert.Equal(tokens, model.Tokenizer!.Encode(text));
        List<double> expected = [];
        for (int start = 0; start + window < tokens.Length; start += stride)
        {
            int[] inWindow = tokens[start..(start + window)];
            expected.AddRange(GoldenAssert.Nll(GoldenAssert.AllLogits(model, inWindow), inWindow)[^stride..]);
        }

        PerplexityResult result = Perplexity.Measure(model, new(text), window, stride);

        Assert.Equal((expected.Count, expected.Count / stride), (result.Tokens, result.Windows));
        Assert.Equal(expected.Average(), result.NegativeLogLikelihood.Mean, 1e-5);
    }

    [SharedTheory("gguf/golden.json")]
    [InlineData("tiny-f16.gguf")]
    [InlineData("tiny-bf16.gguf")]
    [InlineData("tiny-q8_0.gguf")]
    [InlineData("tiny-q4_0.gguf")]
    [InlineData("tiny-q4_1.gguf")]
    [InlineData("tiny-q5_0.gguf")]
    [InlineData("tiny-q5_1.gguf")]
    [InlineData("tiny-iq4_nl.gguf")]
    [InlineData("tiny-q4_k_m.gguf")]
    [InlineData("tiny-q5_k_m.gguf")]
    [InlineData("tiny-q6_k.gguf")]
    public void Perplexity_is_llama_cpps(string file)
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(SharedMaterial.Path("gguf/golden.json")));
        double expected = golden.RootElement.GetProperty(file).GetProperty("perplexity").GetDouble();
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path($"gguf/{file}"));
        PerplexityResult result = Perplexity.Measure(model, EvaluationText.Read(SharedMaterial.Path("gguf/perplexity.txt")), window: 256);
        Assert.True(Math.Abs(result.Perplexity / expected - 1) < 0.003, $"{file}: {result.Perplexity:f4} where llama.cpp has {expected:f4}");
    }

    // The demo has 6 layers of rounded keys and values. The text is an excerpt of Shakespeare, 40 kB: on the 187 tokens above rounding alone moves perplexity
    // by up to 0.6 %.
    [Theory]
    [InlineData(KvFormat.F16, KvFormat.F16)]
    [InlineData(KvFormat.Q8_0, KvFormat.Q8_0)]
    [InlineData(KvFormat.Q8_0, KvFormat.F16)]
    public void A_rounded_cache_moves_perplexity_by_less_than_a_thousandth(KvFormat keys, KvFormat values)
    {
        EvaluationText text = EvaluationText.Read(Path.Combine(SharedMaterial.Repository, "tests", "Model.Tests", "Evaluation", "shakespeare.txt"));
        double Measure(KvFormat k, KvFormat v)
        {
            using MeKiModel model = MeKiModel.Load(Folder, new() { KeyFormat = k, ValueFormat = v });
            return Perplexity.Measure(model, text).Perplexity;
        }
        double exact = Measure(KvFormat.F32, KvFormat.F32), rounded = Measure(keys, values);
        Assert.InRange(rounded / exact, 0.999, 1.001);
        Assert.NotEqual(exact, rounded);
    }

    [Fact]
    public void Each_window_begins_with_the_beginning_token_where_the_model_adds_one()
    {
        using MeKiModel model = MeKiModel.Load(Folder);
        BytePairTokenizer plain = (BytePairTokenizer)model.Tokenizer!, adding = new(plain.Data with { BosId = 7, AddBos = true });
        int[] tokens = plain.Encode(Text);

        TextWindows without = TextWindows.Cut(plain, new(Text), 512, 64, null), with = TextWindows.Cut(adding, new(Text), 512, 64, null);
        TextWindows strided = TextWindows.Cut(adding, new(Text), 512, 64, 32);

        Assert.Equal(tokens[64..128], without[1]);
        Assert.Equal([7, .. tokens[..63]], with[0]);
        Assert.Equal([7, .. tokens[64..127]], with[1]);
        Assert.Equal(tokens[31..95], strided[1]);
    }

    [Theory]
    [InlineData(9, null, 9)]
    [InlineData(9, 4, 10)]
    public void A_text_shorter_than_a_window_is_refused(int window, int? stride, int needed)
    {
        using MeKiModel model = MeKiModel.Load(Folder);
        int tokens = model.Tokenizer!.Encode("Good night.").Length;
        EvaluationException failure = Assert.Throws<EvaluationException>(() => Perplexity.Measure(model, new("Good night.", "night.txt"), window, stride));
        Assert.StartsWith($"night.txt: the text has {tokens} tokens where windows of {window} need at least {needed}. ", failure.Message);
    }

    [Theory]
    [InlineData(2, null, "window")]
    [InlineData(1_000_000, null, "window")]
    [InlineData(64, 0, "stride")]
    [InlineData(64, 64, "stride")]
    public void Windows_and_strides_out_of_range_are_refused(int window, int? stride, string name)
    {
        using MeKiModel model = MeKiModel.Load(Folder);
        Assert.Equal(name, Assert.Throws<ArgumentOutOfRangeException>(() => Perplexity.Measure(model, new(Text), window, stride)).ParamName);
    }

    [Fact]
    public void Progress_ends_at_the_total_and_a_cancelled_measurement_stops()
    {
        using MeKiModel model = MeKiModel.Load(Folder);
        List<WorkProgress> reports = [];
        using CancellationTokenSource source = new();
        Perplexity.Measure(model, new(Text), 50, null, new Recorder(reports.Add), source.Token);
        int windows = model.Tokenizer!.Encode(Text).Length / 50;
        Assert.Equal(Enumerable.Range(0, windows + 1).Select(window => 50L * window), reports.Select(report => report.Done));
        Assert.All(reports, report => Assert.Equal(("tokens", 50L * windows), (report.Unit, report.Total)));
        Assert.Throws<OperationCanceledException>(() => Perplexity.Measure(model, new(Text), 50, null, new Recorder(_ => source.Cancel()), source.Token));
    }

    [Fact]
    public void A_text_file_is_read_without_its_byte_order_mark_and_must_be_utf8()
    {
        using TemporaryFolder folder = new();
        Assert.Equal("é", EvaluationText.Read(folder.Add("marked.txt", [0xEF, 0xBB, 0xBF, 0xC3, 0xA9])).Content);
        string latin = folder.Add("latin.txt", "caf\u00e9 noir"u8[..3].ToArray().Append((byte)0xE9).ToArray());
        Assert.StartsWith($"{latin}: byte 3: the text is not UTF-8.", Assert.Throws<EvaluationException>(() => EvaluationText.Read(latin)).Message);
        Assert.EndsWith("there is no such file.", Assert.Throws<EvaluationException>(() => EvaluationText.Read(folder["none.txt"])).Message);
    }

    private sealed class Recorder(Action<WorkProgress> report) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => report(value);
    }
}
