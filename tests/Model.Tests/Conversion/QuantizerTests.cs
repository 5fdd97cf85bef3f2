using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Quant;
using MeKi.Store;
using MeKi.Tests;

namespace MeKi.Model.Tests.Conversion;

/// <summary>A quantised model is the one that a conversion to the same type gives, and a quantisation that does not end leaves nothing.</summary>
public sealed class QuantizerTests : IDisposable
{
    // 256 columns are a block of the K formats; 96 are not; 48 are no whole number of any.
    private static readonly TinyCheckpoint Checkpoint = new() { Hidden = 256, FeedForward = 96, Memory = 48, Heads = 4, HeadDimension = 64 };

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Recipes => [.. WeightRecipe.All.Select(recipe => recipe.Name)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Recipes))]
    public void A_quantised_model_is_the_converted_one_byte_for_byte_and_loads(string name)
    {
        WeightRecipe recipe = Recipe(name);
        string original = Original();
        ConversionResult expected = Converter.Convert(_folder["c"], _folder["converted"], new() { WeightType = recipe, RowType = RowType.Int8 });
        QuantizationResult first = Quantizer.Quantize(original, _folder["first"], recipe), second = Quantizer.Quantize(original, _folder["second"], recipe);
        Assert.Equal(File.ReadAllBytes(expected.ModelPath), File.ReadAllBytes(first.ModelPath));
        Assert.Equal(File.ReadAllBytes(first.ModelPath), File.ReadAllBytes(second.ModelPath));
        Assert.Equal(File.ReadAllBytes(Path.Combine(original, "model.rows")), File.ReadAllBytes(first.RowsPath!));
        Assert.Equal(["model.gguf", "model.rows"], Directory.GetFiles(_folder["first"]).Select(Path.GetFileName).Order());
        Assert.Equal((new FileInfo(first.ModelPath).Length, new FileInfo(first.RowsPath!).Length), (first.ModelBytes, first.RowsBytes));

        using MeKiModel model = MeKiModel.Load(_folder["first"]);
        using GgufFile file = GgufFile.Open(first.ModelPath);
        Assert.All(file.Tensors, tensor =>
        {
            GgmlType blocks = tensor.Dimensions.Length == 1 ? GgmlType.F32 : recipe.FormatOf(tensor.Name, (int)tensor.Dimensions[0], model.Config).Type;
            // A MeKi model's matrices lie in panels where they can: the vocabulary's 306 rows are not whole panels, and some formats have none.
            bool inPanels = tensor.Dimensions is [_, long rows] && rows % 8 == 0 && PanelFormat.Find(blocks) is not null;
            Assert.Equal(inPanels ? PanelFormat.Find(blocks)!.TensorType : blocks, tensor.Type);
        });
        using MeKiModel whole = MeKiModel.Load(original);
        Assert.Equal(whole.Config, model.Config);
        // Weights without any order lose what their bits cannot hold: a step of two bits is a third of their range.
        Assert.InRange(GoldenAssert.RelativeDistance(Logits(model), Logits(whole)), 0, name switch { "q2_k" => 0.8, "q3_k" => 0.45, _ => 0.25 });
    }

    [SharedTheory("gguf/tiny-f16.gguf")]
    [InlineData("q8_0")]
    [InlineData("q4_0")]
    [InlineData("q4_1")]
    [InlineData("q5_0")]
    [InlineData("q5_1")]
    [InlineData("iq4_nl")]
    [InlineData("q6_k")]
    [InlineData("q4_k_m")]
    [InlineData("q5_k_m")]
    public void The_file_is_that_of_llama_cpp(string name)
    {
        QuantizationResult result = Quantizer.Quantize(SharedMaterial.Path("gguf/tiny-f16.gguf"), _folder["out.gguf"], Recipe(name));
        Assert.Equal(File.ReadAllBytes(SharedMaterial.Path($"gguf/tiny-{name}.gguf")), File.ReadAllBytes(result.ModelPath));
        Assert.Null(result.RowsPath);
        Assert.Equal(["out.gguf"], Directory.GetFiles(_folder.FullName).Select(Path.GetFileName));
    }

    [Fact]
    public void Names_of_files_and_folders()
    {
        string original = Original();
        QuantizationResult file = Quantizer.Quantize(Path.Combine(original, "model.gguf"), Path.Combine(original, "small.gguf"),
            WeightRecipe.Of(GgmlType.Q4_0));
        Assert.Equal((Path.Combine(original, "small.gguf"), Path.Combine(original, "small.rows")), (file.ModelPath, file.RowsPath));
        QuantizationResult folder = Quantizer.Quantize(original, _folder["deep/er"], WeightRecipe.Of(GgmlType.Q4_0));
        Assert.Equal((Path.Combine(_folder["deep/er"], "model.gguf"), Path.Combine(_folder["deep/er"], "model.rows")), (folder.ModelPath, folder.RowsPath));
        using MeKiModel model = MeKiModel.Load(file.ModelPath);
        Assert.Equal(File.ReadAllBytes(file.ModelPath), File.ReadAllBytes(folder.ModelPath));
    }

    [Fact]
    public void A_quantised_model_is_refused_unless_it_is_allowed()
    {
        Checkpoint.Write(_folder["c"]);
        string quantized =
            Path.GetDirectoryName(Converter.Convert(_folder["c"], _folder["q8"], new() { WeightType = WeightRecipe.Of(GgmlType.Q8_0) }).ModelPath)!;
        ModelFileException failure = Assert.Throws<ModelFileException>(() => Quantizer.Quantize(quantized, _folder["out"], WeightRecipe.Of(GgmlType.Q4_0)));
        Assert.Contains("tensor 'token_embd.weight': is quantised already, to Q8_0", failure.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
        Quantizer.Quantize(quantized, _folder["out"], WeightRecipe.Of(GgmlType.Q4_0), requantize: true);
        using MeKiModel model = MeKiModel.Load(_folder["out"]);

        // What has the type already is copied.
        QuantizationResult same = Quantizer.Quantize(quantized, _folder["same"], WeightRecipe.Of(GgmlType.Q8_0));
        Assert.Equal(File.ReadAllBytes(Path.Combine(quantized, "model.gguf")), File.ReadAllBytes(same.ModelPath));
    }

    [Theory]
    [InlineData(float.NaN, "q4_k_m", "the value at row 7, column 5 is NaN")]
    [InlineData(float.NegativeInfinity, "f16", "the value at row 7, column 5 is -Infinity")]
    [InlineData(1e6f, "q4_0", "the value 1000000 at row 7, column 5 is beyond the range of q4_0")]
    public void A_value_that_the_format_cannot_hold_is_refused(float value, string recipe, string problem)
    {
        string path = Path.Combine(Original(), "model.gguf");
        Damage(path, "blk.1.attn_q.weight", row: 7, column: 5, value);
        ModelFileException failure = Assert.Throws<ModelFileException>(() => Quantizer.Quantize(path, _folder["out"], Recipe(recipe)));
        Assert.Contains($"{path}: tensor 'blk.1.attn_q.weight': {problem}", failure.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    /// <summary>A tensor that is no part of the model may have any name and any shape: it is copied, or the model is refused as a whole.</summary>
    [Theory]
    [Trait("Fault", "18.14")]
    [InlineData("attn_v.weight", 64, 64)]
    [InlineData(".attn_v.weight", 64, 64)]
    [InlineData("blk.x.attn_v.weight", 64, 64)]
    [InlineData("blk.99999999999.ffn_down.weight", 64, 64)]
    [InlineData("blk.-1.ffn_down.weight", 64, 64)]
    [InlineData("ffn_down.weight", 0, 64)]
    [InlineData("other.weight", 0, 64)]
    [InlineData("other.weight", 64, 0)]
    [InlineData("other.weight", 1L << 33, 0)]
    [InlineData("other.weight", 0, 1L << 62)]
    [InlineData("blk.1.extra.weight", 3, 5)]
    public void A_matrix_that_nobody_needs_does_no_harm(string name, long columns, long rows)
    {
        string path = Converter.Convert(new TinyCheckpoint().Write(_folder["c"]), _folder["original"],
            new() { WeightType = WeightRecipe.Of(GgmlType.F32) }).ModelPath;
        byte[] bytes = new byte[4 * columns * rows];
        Rewrite(path, [new(name, GgmlType.F32, [columns, rows], (stream, _) => stream.Write(bytes))]);
        foreach (string recipe in new[] { "q4_k_m", "iq4_nl", "q4_0" })
        {
            Exception? failure = Record.Exception(() => Quantizer.Quantize(path, _folder["out.gguf"], Recipe(recipe)));
            if (failure is not null)
            {
                Assert.Contains(name, Assert.IsType<ModelFileException>(failure).Message, StringComparison.Ordinal);
                continue;
            }
            using GgufFile file = GgufFile.Open(_folder["out.gguf"]);
            GgufTensor tensor = file.GetTensor(name);
            Assert.Equal((GgmlType.F32, bytes.LongLength), (tensor.Type, tensor.ByteLength));
        }
    }

    [Fact]
    [Trait("Fault", "18.tolerance")]
    public void A_tensor_of_an_unknown_type_is_copied_or_refused_by_its_name()
    {
        string path = Path.Combine(Original(), "model.gguf");
        byte[] bytes = [.. Enumerable.Range(0, 96).Select(i => (byte)i)];
        Rewrite(path, [new("extra", (GgmlType)99, [7], (stream, _) => stream.Write(bytes)) { ByteLength = bytes.Length }]);
        Exception? failure = Record.Exception(() => Quantizer.Quantize(path, _folder["out.gguf"], WeightRecipe.Of(GgmlType.Q4_0)));
        if (failure is not null)
        {
            Assert.Contains("'extra'", Assert.IsType<ModelFileException>(failure).Message, StringComparison.Ordinal);
            return;
        }
        using GgufFile file = GgufFile.Open(_folder["out.gguf"]);
        GgufTensor tensor = file.GetTensor("extra");
        Assert.Equal(bytes, file.File.Span(tensor.Offset, (int)tensor.ByteLength).ToArray());
    }

    [Fact]
    public void The_input_is_never_the_output()
    {
        string original = Original();
        foreach (string output in new[] { original, Path.Combine(original, "..", "original", "model.gguf") })
            Assert.Contains("is the input",
                Assert.Throws<ModelFileException>(() => Quantizer.Quantize(original, output, WeightRecipe.Of(GgmlType.Q4_0))).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_that_are_missing_or_of_another_model_are_refused()
    {
        string original = Original(), rows = Path.Combine(original, "model.rows");
        (Checkpoint with { Seed = 9 }).Write(_folder["d"]);
        File.Copy(Converter.Convert(_folder["d"], _folder["other"]).RowsPath!, rows, overwrite: true);
        Assert.Contains("another model",
            Assert.Throws<RowFileException>(() => Quantizer.Quantize(original, _folder["out"], WeightRecipe.Of(GgmlType.Q4_0))).Message,
            StringComparison.Ordinal);
        File.Delete(rows);
        Assert.Throws<RowFileException>(() => Quantizer.Quantize(original, _folder["out"], WeightRecipe.Of(GgmlType.Q4_0)));
        Assert.False(Directory.Exists(_folder["out"]));
    }

    /// <summary>Cancels at every report in turn.</summary>
    [Fact]
    public void A_cancelled_quantisation_leaves_nothing_behind()
    {
        string original = Original();
        using CancelAt counting = new(int.MaxValue);
        Quantizer.Quantize(original, _folder["other"], WeightRecipe.Q4_K_M, progress: counting, cancellationToken: counting.Token);
        Assert.Equal(["rows", "weights"], counting.Stages.Order());
        Assert.True(counting.Reports > 20);
        for (int at = 1; at <= counting.Reports; at++)
        {
            using CancelAt progress = new(at);
            Assert.ThrowsAny<OperationCanceledException>(() =>
                Quantizer.Quantize(original, _folder["out"], WeightRecipe.Q4_K_M, progress: progress, cancellationToken: progress.Token));
            Assert.False(Directory.Exists(_folder["out"]), $"the folder stays after report {at} of {counting.Reports}");
        }
    }

    [Fact]
    public void Progress_reaches_its_end_in_every_stage()
    {
        Dictionary<string, WorkProgress> last = [];
        using CancelAt progress = new(int.MaxValue, report => last[report.Stage] = report);
        Quantizer.Quantize(Original(), _folder["out"], WeightRecipe.Q4_K_M, progress: progress);
        Assert.Equal(2, last.Count);
        Assert.All(last.Values, report => Assert.Equal(report.Total, report.Done));
    }

    private static WeightRecipe Recipe(string name) => WeightRecipe.All.Single(recipe => recipe.Name == name);

    private static float[] Logits(MeKiModel model) => GoldenAssert.AllLogits(model, [1, 2, 3, 50, 120, 299]);

    private static void Damage(string path, string tensor, int row, int column, float value)
    {
        long offset;
        using (GgufFile file = GgufFile.Open(path))
            offset = file.GetTensor(tensor).Offset;
        using FileStream stream = new(path, FileMode.Open, FileAccess.Write);
        // Row 7 is in the first panel.
        stream.Position = offset + sizeof(float) * (8 * column + row);
        stream.Write(BitConverter.GetBytes(value));
    }

    private static void Rewrite(string path, GgufTensorSource[] more)
    {
        using MemoryStream copy = new();
        using (GgufFile file = GgufFile.Open(path))
        {
            new GgufWriter(file.Metadata, [.. file.Tensors.Select(tensor => new GgufTensorSource(tensor.Name, tensor.Type, tensor.Dimensions,
                (stream, _) => stream.Write(file.File.Span(tensor.Offset, (int)tensor.ByteLength)))), .. more]).WriteTo(copy, default);
        }
        File.WriteAllBytes(path, copy.ToArray());
    }

    private string Original()
    {
        Checkpoint.Write(_folder["c"]);
        Converter.Convert(_folder["c"], _folder["original"], new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.Int8 });
        return _folder["original"];
    }
}
