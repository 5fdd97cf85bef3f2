using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Checkpoints;
using MeKi.Model.Tests.Files;
using MeKi.Model.Tests.Reference;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.BadInput;

/// <summary>Dimensions of 1 at the end of a shape say nothing: writers put them there or leave them out.</summary>
[Trait("Fault", "18.tolerance")]
public sealed class TolerantShapeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(GgmlType.F32)]
    [InlineData(GgmlType.Q8_0)]
    public void A_gguf_model_with_dimensions_of_one_is_the_model_without(GgmlType type)
    {
        string checkpoint = new TinyCheckpoint().Write(_folder["c"]);
        ConversionResult original = Converter.Convert(checkpoint, _folder["a"], new() { WeightType = WeightRecipe.Of(type) });
        Directory.CreateDirectory(_folder["b"]);
        using (GgufFile file = GgufFile.Open(original.ModelPath))
        using (FileStream stream = File.Create(_folder["b/model.gguf"]))
        {
            new GgufWriter(file.Metadata, [.. file.Tensors.Select((tensor, i) => new GgufTensorSource(
                tensor.Name, tensor.Type, [.. tensor.Dimensions, .. Enumerable.Repeat(1L, 1 + i % (4 - tensor.Dimensions.Length))],
                (to, _) => to.Write(file.File.Span(tensor.Offset, (int)tensor.ByteLength))))]).WriteTo(stream, default);
        }
        File.Copy(original.RowsPath!, _folder["b/model.rows"]);
        Assert.Equal(Logits(_folder["a"]), Logits(_folder["b"]));
        Quantizer.Quantize(_folder["b"], _folder["q"], WeightRecipe.Of(GgmlType.Q4_0), requantize: true);
        Quantizer.Quantize(_folder["a"], _folder["p"], WeightRecipe.Of(GgmlType.Q4_0), requantize: true);
        Assert.Equal(Logits(_folder["p"]), Logits(_folder["q"]));
    }

    [Fact]
    public void A_checkpoint_with_dimensions_of_one_is_the_checkpoint_without()
    {
        TinyCheckpoint plain = new();
        plain.Write(_folder["a"]);
        (plain with { Damage = tensors =>
        {
            foreach ((string name, CheckpointTensor tensor) in tensors)
            {
                // A table over the vocabulary is told by its first dimension.
                if (!name.Contains("memory", StringComparison.Ordinal))
                    tensor.Shape = [.. tensor.Shape, 1, 1];
            }
        } }).Write(_folder["b"]);
        Assert.Equal(Logits(_folder["a"]), Logits(_folder["b"]));
    }

    [Fact]
    public void Dimensions_of_one_at_the_front_do_count()
    {
        new TinyCheckpoint { Damage = tensors => tensors["model.layers.1.self_attn.q_proj.weight"].Shape = [1, 64, 64] }.Write(_folder["a"]);
        Assert.Contains("has shape [1, 64, 64]", Assert.Throws<ModelFileException>(() => MeKiModel.Load(_folder["a"])).Message, StringComparison.Ordinal);
    }

    private static float[] Logits(string path)
    {
        using MeKiModel model = MeKiModel.Load(path);
        return GoldenAssert.AllLogits(model, TinyModel.Tokens(12));
    }
}
