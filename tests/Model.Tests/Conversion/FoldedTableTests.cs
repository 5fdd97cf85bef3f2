using MeKi.Model.Conversion;
using MeKi.Model.Generation;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Quant;
using MeKi.Store;
using MeKi.Tests;

namespace MeKi.Model.Tests.Conversion;

/// <summary>A GGUF file whose per-layer rows are folded: the same model without its table and its projection.</summary>
public sealed class FoldedTableTests : IDisposable
{
    private const string File4 = "foreign/gemma4.gguf";

    private static readonly int[] Tokens = [2, 281, 279, 284, 277, 320, 287, 279, 273, 278, 154, 274, 68, 279, 279, 268, 320, 284, 69, 106, 7, 320, 100, 41];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // As a published file is: weights and table in blocks, the projection in half precision.
    [SharedTheory(File4)]
    [InlineData("gemma4", null)]
    [InlineData("gemma3n", null)]
    [InlineData("gemma4", GgmlType.Q4_0)]
    [InlineData("gemma3n", GgmlType.Q8_0)]
    public void Folded_in_float32_it_computes_the_same_bits(string family, GgmlType? weights)
    {
        string path = SharedMaterial.Path($"foreign/{family}.gguf");
        if (weights is { } type)
            Quantizer.Quantize(path, path = _folder["quantised.gguf"], WeightRecipe.Of(type));
        ConversionResult result = Converter.Convert(path, _folder["m"], new() { RowType = RowType.F32 });
        using MeKiModel original = MeKiModel.Load(path), folded = MeKiModel.Load(_folder["m"]);
        Assert.Equal(result.RowsPath, folded.RowFilePath);
        Assert.Equal(GoldenAssert.AllLogits(original, Tokens), GoldenAssert.AllLogits(folded, Tokens));
        Assert.Equal(GoldenAssert.Greedy(original, Tokens[..5], 6), GoldenAssert.Greedy(folded, Tokens[..5], 6));
        Assert.True(folded.WeightBytesPerToken < original.WeightBytesPerToken);
        using GgufFile file = GgufFile.Open(result.ModelPath);
        Assert.DoesNotContain(file.Tensors, tensor => tensor.Name.StartsWith("per_layer_", StringComparison.Ordinal));
        if (weights is not null)
            Assert.Contains(file.Tensors, tensor => GgmlTypeLayout.IsPanels(tensor.Type) && GgmlTypeLayout.BlockType(tensor.Type) == weights);
    }

    // Of random weights, logits tell much of little: a trained model's differ a hundred times less.
    [SharedTheory(File4)]
    [Trait("Length", "Long")]
    [InlineData("gemma4", RowType.F16, 2e-4)]
    [InlineData("gemma4", RowType.Int8, 0.06)]
    [InlineData("gemma4", RowType.Int4, 3)]
    [InlineData("gemma3n", RowType.Int8, 0.4)]
    public void Folded_in_fewer_bits_it_stays_close_to_float32_rows(string family, RowType type, double bound)
    {
        string path = SharedMaterial.Path($"foreign/{family}.gguf");
        Converter.Convert(path, _folder["m"], new() { RowType = type });
        using MeKiModel original = MeKiModel.Load(path, GoldenAssert.Exact), folded = MeKiModel.Load(_folder["m"], GoldenAssert.Exact);
        Assert.InRange(MeanDivergence(original, folded), double.Epsilon, bound);
    }

    [SharedFact(File4)]
    public void A_checkpoint_folder_is_folded_to_the_same_rows()
    {
        HuggingFaceFolder.Write(SharedMaterial.Path(File4), _folder["checkpoint"]);
        ConversionResult one = Converter.Convert(SharedMaterial.Path(File4), _folder["a"], new() { RowType = RowType.F32 });
        ConverterOptions exact = new() { WeightType = WeightRecipe.Of(GgmlType.F32), RowType = RowType.F32 };
        ConversionResult other = Converter.Convert(_folder["checkpoint"], _folder["b"], exact);
        Assert.Equal(File.ReadAllBytes(one.RowsPath!)[(int)RowFileLayout.DataOffset..], File.ReadAllBytes(other.RowsPath!)[(int)RowFileLayout.DataOffset..]);
        using MeKiModel a = MeKiModel.Load(_folder["a"]), b = MeKiModel.Load(_folder["b"]);
        Assert.Equal(GoldenAssert.AllLogits(a, Tokens), GoldenAssert.AllLogits(b, Tokens));
    }

    [SharedFact(File4)]
    public void The_same_file_gives_the_same_bytes_and_however_it_is_split_the_same_rows()
    {
        ConversionResult first = Converter.Convert(SharedMaterial.Path(File4), _folder["a"]);
        ConversionResult second = Converter.Convert(SharedMaterial.Path(File4), _folder["b"]);
        string[] parts = Gguf.SplitModel.Write(SharedMaterial.Path(File4), _folder["split"], 2);
        ConversionResult third = Converter.Convert(parts[0], _folder["c"]);
        Assert.Equal(File.ReadAllBytes(first.ModelPath), File.ReadAllBytes(second.ModelPath));
        Assert.Equal(first.Identity, third.Identity);
        foreach (ConversionResult other in new[] { second, third })
            Assert.Equal(File.ReadAllBytes(first.RowsPath!), File.ReadAllBytes(other.RowsPath!));
    }

    [SharedFact(File4)]
    public void What_is_folded_can_be_quantised_and_keeps_its_rows()
    {
        Converter.Convert(SharedMaterial.Path(File4), _folder["m"]);
        QuantizationResult result = Quantizer.Quantize(_folder["m"], _folder["q"], WeightRecipe.Of(GgmlType.Q8_0));
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder["m"], "model.rows")), File.ReadAllBytes(result.RowsPath!));
        using MeKiModel model = MeKiModel.Load(_folder["q"]);
        Assert.NotEqual(0, GoldenAssert.AllLogits(model, Tokens)[0]);
    }

    [SharedFact(File4)]
    public void Rows_of_another_file_are_refused()
    {
        Converter.Convert(SharedMaterial.Path(File4), _folder["a"]);
        Quantizer.Quantize(SharedMaterial.Path(File4), _folder["other.gguf"], WeightRecipe.Of(GgmlType.Q8_0));
        Converter.Convert(_folder["other.gguf"], _folder["b"]);
        File.Copy(Path.Combine(_folder["b"], "model.rows"), Path.Combine(_folder["a"], "model.rows"), overwrite: true);
        RowFileException failure = Assert.Throws<RowFileException>(() => MeKiModel.Load(_folder["a"]));
        Assert.Contains("the rows belong to another model", failure.Message, StringComparison.Ordinal);
    }

    [SharedFact(File4)]
    public void What_cannot_be_folded_is_refused_before_the_work_and_leaves_nothing()
    {
        Refuses(SharedMaterial.Path("foreign/gemma3.gguf"), "has no table of rows that could be folded");
        Quantizer.Quantize(SharedMaterial.Path(File4), _folder["q4.gguf"], WeightRecipe.Of(GgmlType.Q4_0));
        Refuses(_folder["q4.gguf"], "is quantised already, to Q4_0. Convert the original model, or leave --type out", WeightRecipe.Of(GgmlType.Q8_0));
        Refuses(_folder.Add("text.gguf", "This is no model."u8), "GGUF");
        Assert.False(Directory.Exists(_folder["m"]));
        // A folder's own file is not overwritten while it is read.
        Directory.CreateDirectory(_folder["m"]);
        File.Copy(SharedMaterial.Path(File4), Path.Combine(_folder["m"], "model.gguf"));
        Refuses(Path.Combine(_folder["m"], "model.gguf"), "is the input");

        void Refuses(string path, string problem, WeightRecipe? type = null)
        {
            ModelFileException failure = Assert.Throws<ModelFileException>(() => Converter.Convert(path, _folder["m"], new() { WeightType = type }));
            Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
        }
    }

    [SharedTheory(File4)]
    [InlineData(1)]
    [InlineData(4)]
    public void A_cancelled_conversion_leaves_nothing(int report)
    {
        using CancelAt cancel = new(report);
        string path = SharedMaterial.Path("foreign/gemma3n.gguf");
        Assert.ThrowsAny<OperationCanceledException>(() => Converter.Convert(path, _folder["m"], progress: cancel, cancellationToken: cancel.Token));
        Assert.False(Directory.Exists(_folder["m"]));
    }

    private static double MeanDivergence(MeKiModel original, MeKiModel other)
    {
        int vocabulary = original.Config.VocabularySize;
        float[] p = GoldenAssert.AllLogits(original, Tokens), q = GoldenAssert.AllLogits(other, Tokens);
        TokenDistribution first = new(vocabulary), second = new(vocabulary);
        double sum = 0;
        for (int i = 0; i < Tokens.Length; i++)
        {
            first.Set(p.AsSpan(i * vocabulary, vocabulary));
            second.Set(q.AsSpan(i * vocabulary, vocabulary));
            sum += first.KlDivergence(second);
        }
        return sum / Tokens.Length;
    }
}
