using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Synthesis;
using MeKi.Model.Tests.Files;
using MeKi.Quant;

namespace MeKi.Model.Tests.Conversion;

/// <summary>
/// Panels packed when a model is loaded and panels that <c>meki quantize --panels</c> wrote are the same weights: every logit has the same bits.
/// </summary>
public sealed class PanelIdentityTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<GgmlType> Types => [.. PanelFormat.All.Select(format => format.Block.Type)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Types))]
    public void Logits_have_the_same_bits_whenever_panels_were_packed(GgmlType type)
    {
        SyntheticModel.Write(SyntheticShape.Of("tiny"), _folder["original"], new() { WeightType = WeightRecipe.Of(GgmlType.F32) });
        Quantizer.Quantize(_folder["original"], _folder["rows"], WeightRecipe.Of(type));
        Quantizer.Quantize(_folder["original"], _folder["panels"], WeightRecipe.Of(type), panels: true);
        using (GgufFile file = GgufFile.Open(_folder["panels/model.gguf"]))
            Assert.Contains(file.Tensors, tensor => tensor.Type == PanelFormat.Find(type)!.TensorType);
        using MeKiModel atLoad = MeKiModel.Load(_folder["rows"]), atQuantize = MeKiModel.Load(_folder["panels"]);
        Assert.Equal((0, 0), (atLoad.LoadReport.MappedBytes, atQuantize.LoadReport.PackedBytes));
        Assert.Equal(atLoad.LoadReport.PackedBytes, atQuantize.LoadReport.MappedBytes);

        // A prompt goes through the matrix products of several tokens, what follows through those of one.
        int[] prompt = [1, 2, 3, 50, 120, 299, 7, 7, 400], next = [5, 17, 500];
        Assert.Equal(Logits(atLoad, prompt, next), Logits(atQuantize, prompt, next));
    }

    private static uint[] Logits(MeKiModel model, int[] prompt, int[] next)
    {
        using MeKiSession session = model.CreateSession();
        int vocabulary = model.Config.VocabularySize;
        float[] logits = new float[(prompt.Length + next.Length) * vocabulary];
        session.Forward(prompt, logits.AsSpan(0, prompt.Length * vocabulary));
        for (int i = 0; i < next.Length; i++)
            session.Forward([next[i]], logits.AsSpan((prompt.Length + i) * vocabulary, vocabulary));
        return [.. logits.Select(BitConverter.SingleToUInt32Bits)];
    }
}
