using System.Text.Json;
using MeKi.Model.Conversion;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Reference;

/// <summary>Families that other engines run, against llama.cpp's answers in float32: shared/foreign.</summary>
public class FamilyTests
{
    public static TheoryData<string> Families => ["llama", "qwen2", "qwen3", "smollm3", "granite", "phi3"];

    [SharedTheory("foreign/llama.json")]
    [MemberData(nameof(Families))]
    public void Tokens_logits_likelihoods_and_greedy_text_of_a_gguf_file_are_llama_cpps(string family)
    {
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path($"foreign/{family}.gguf"), GoldenAssert.Exact);
        Assert.Equal(family, model.Config.Family);
        ForeignAnswers.Check(model, family, tolerance: 1e-4, tokens: true);
    }

    [SharedTheory("foreign/llama.json")]
    [MemberData(nameof(Families))]
    [Trait("Length", "Long")]
    public void The_same_model_as_a_Hugging_Face_folder_gives_the_same_answers(string family)
    {
        using TemporaryFolder folder = new();
        HuggingFaceFolder.Write(SharedMaterial.Path($"foreign/{family}.gguf"), folder.FullName);
        using MeKiModel model = MeKiModel.Load(folder.FullName, GoldenAssert.Exact);
        Assert.Equal(family, model.Config.Family);
        ForeignAnswers.Check(model, family, tolerance: 1e-4, tokens: false);
    }

    [SharedTheory("foreign/llama.json")]
    [MemberData(nameof(Families))]
    [Trait("Length", "Long")]
    public void A_converted_folder_gives_the_same_answers(string family)
    {
        using TemporaryFolder folder = new();
        string from = folder["from"], to = folder["to"];
        HuggingFaceFolder.Write(SharedMaterial.Path($"foreign/{family}.gguf"), from);
        Converter.Convert(from, to, new() { WeightType = WeightRecipe.Of(GgmlType.F32) });
        using MeKiModel model = MeKiModel.Load(to, GoldenAssert.Exact);
        Assert.Equal(family, model.Config.Family);
        ForeignAnswers.Check(model, family, tolerance: 1e-4, tokens: false);
    }

    // Of random weights, logits differ by this part of the largest: what rounding to the format costs.
    [SharedTheory("foreign/llama.json")]
    [MemberData(nameof(Families))]
    [Trait("Length", "Long")]
    public void A_quantised_file_stays_within_its_formats_bound(string family)
    {
        using TemporaryFolder folder = new();
        foreach ((GgmlType type, bool panels, double bound) in new[] { (GgmlType.F16, false, 5e-3), (GgmlType.Q8_0, false, 0.08), (GgmlType.Q8_0, true, 0.08),
            (GgmlType.Q4_0, true, 0.9) })
        {
            string path = folder[$"{type}{panels}.gguf"];
            Quantizer.Quantize(SharedMaterial.Path($"foreign/{family}.gguf"), path, WeightRecipe.Of(type), panels: panels);
            using MeKiModel model = MeKiModel.Load(path, GoldenAssert.Exact);
            ForeignAnswers.CheckLogits(model, family, bound);
        }
    }
}

/// <summary>llama.cpp's answers about a file of shared/foreign.</summary>
internal static class ForeignAnswers
{
    public static void Check(MeKiModel model, string family, double tolerance, bool tokens)
    {
        foreach (JsonElement item in Cases(family))
        {
            int[] ids = Golden.Ints(item.GetProperty("tokens"));
            if (tokens)
                Assert.Equal(ids, model.Tokenizer!.Encode(item.GetProperty("text").GetString()!));
            float[] logits = GoldenAssert.AllLogits(model, ids);
            double difference = Compare(logits, item, model.Config.VocabularySize, tolerance);
            double[] nll = GoldenAssert.Nll(logits, ids);
            float[] wanted = Golden.Floats(item.GetProperty("nll"));
            Assert.Equal(wanted.Length, nll.Length);
            for (int i = 0; i < nll.Length; i++)
                Assert.True(Math.Abs(nll[i] - wanted[i]) < 2e-3, $"{family}, token {i}: {nll[i]} is not {wanted[i]}");
            if (item.GetProperty("least_gap").GetDouble() > 2 * difference)
                Assert.Equal(Golden.Ints(item.GetProperty("greedy")), GoldenAssert.Greedy(model, ids, 24));
        }
    }

    public static void CheckLogits(MeKiModel model, string family, double tolerance)
    {
        foreach (JsonElement item in Cases(family))
            Compare(GoldenAssert.AllLogits(model, Golden.Ints(item.GetProperty("tokens"))), item, model.Config.VocabularySize, tolerance);
    }

    private static double Compare(float[] logits, JsonElement item, int vocabulary, double tolerance)
    {
        double worst = 0;
        foreach (JsonProperty position in item.GetProperty("logits").EnumerateObject())
        {
            float[] wanted = Golden.Floats(position.Value);
            ReadOnlySpan<float> computed = logits.AsSpan(int.Parse(position.Name, System.Globalization.CultureInfo.InvariantCulture) * vocabulary, vocabulary);
            float largest = wanted.Max(Math.Abs);
            for (int i = 0; i < vocabulary; i++)
            {
                double difference = Math.Abs(wanted[i] - computed[i]);
                worst = Math.Max(worst, difference);
                Assert.True(difference <= tolerance * largest, $"position {position.Name}, logit {i}: {computed[i]} is not {wanted[i]} (largest {largest})");
            }
        }
        return worst;
    }

    public static JsonElement.ArrayEnumerator Cases(string family) =>
        JsonDocument.Parse(File.ReadAllText(SharedMaterial.Path($"foreign/{family}.json"))).RootElement.GetProperty("cases").EnumerateArray();
}
