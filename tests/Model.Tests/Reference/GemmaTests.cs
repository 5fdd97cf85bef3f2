using System.Collections.Concurrent;
using System.Text.Json;
using MeKi.Model.Conversion;
using MeKi.Model.Gguf;
using MeKi.Model.Tests.Files;
using MeKi.Quant;
using MeKi.Tests;

namespace MeKi.Model.Tests.Reference;

/// <summary>
/// Gemma's families against llama.cpp's answers (shared/foreign), and against float64 (<see cref="GemmaReference"/>). GELU is rounded to half precision on the
/// way. What comes near a border falls to either side of it, and these small random models make up to a hundredth of the largest logit of that.
/// </summary>
public class GemmaTests
{
    private static readonly ConcurrentDictionary<string, (int[] Ids, double[][] Logits)[]> References = new();

    public static TheoryData<string, double> Families => new() { { "gemma3", 3e-4 }, { "gemma3n", 5e-2 }, { "gemma4", 1e-2 } };

    [SharedTheory("foreign/gemma4.json")]
    [InlineData("gemma3", 2e-4, 2)]
    [InlineData("gemma3n", 2.5e-2, 1)]
    [InlineData("gemma4", 5e-3, 2)]
    public void Tokens_logits_and_greedy_text_of_a_gguf_file_are_llama_cpps(string family, double tolerance, int greedyTexts)
    {
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path($"foreign/{family}.gguf"), GoldenAssert.Exact);
        ForeignAnswers.CheckLogits(model, family, tolerance);
        foreach (JsonElement item in ForeignAnswers.Cases(family))
        {
            int[] ids = Golden.Ints(item.GetProperty("tokens"));
            Assert.Equal(ids, model.Tokenizer!.Encode(item.GetProperty("text").GetString()!));
            if (greedyTexts-- > 0)
                Assert.Equal(Golden.Ints(item.GetProperty("greedy")), GoldenAssert.Greedy(model, ids, 24));
        }
    }

    [SharedTheory("foreign/gemma4.json")]
    [InlineData("gemma3", 5e-4, 1e-3)]
    [InlineData("gemma3n", 1.5e-2, 0.15)]
    [InlineData("gemma4", 1e-2, 0.1)]
    public void The_reference_gives_llama_cpps_logits_and_likelihoods(string family, double tolerance, double nllTolerance)
    {
        using GgufFile file = GgufFile.Open(SharedMaterial.Path($"foreign/{family}.gguf"));
        GemmaReference reference = new(file);
        foreach (JsonElement item in ForeignAnswers.Cases(family))
        {
            int[] ids = Golden.Ints(item.GetProperty("tokens"));
            double[][] logits = reference.Logits(ids);
            foreach (JsonProperty position in item.GetProperty("logits").EnumerateObject())
            {
                float[] wanted = Golden.Floats(position.Value);
                double worst = wanted.Zip(logits[int.Parse(position.Name, System.Globalization.CultureInfo.InvariantCulture)], (a, b) => Math.Abs(a - b)).Max();
                Assert.True(worst <= tolerance * wanted.Max(Math.Abs), $"{family}, position {position.Name}: {worst:g3}");
            }
            double[] nll = GoldenAssert.Nll([.. logits.SelectMany(row => row.Select(logit => (float)logit))], ids);
            double furthest = nll.Zip(Golden.Floats(item.GetProperty("nll")), (a, b) => Math.Abs(a - b)).Max();
            Assert.True(furthest < nllTolerance, $"{family}: {furthest:g3}");
        }
    }

    [SharedTheory("foreign/gemma4.json")]
    [MemberData(nameof(Families))]
    public void Tokens_of_a_gguf_file_are_llama_cpps_and_its_logits_the_references(string family, double tolerance)
    {
        using MeKiModel model = MeKiModel.Load(SharedMaterial.Path($"foreign/{family}.gguf"), GoldenAssert.Exact);
        Assert.Equal(family, model.Config.Family);
        foreach (JsonElement item in ForeignAnswers.Cases(family))
            Assert.Equal(Golden.Ints(item.GetProperty("tokens")), model.Tokenizer!.Encode(item.GetProperty("text").GetString()!));
        Check(model, family, tolerance);
    }

    [SharedTheory("foreign/gemma4.json")]
    [MemberData(nameof(Families))]
    [Trait("Length", "Long")]
    public void The_same_model_as_a_Hugging_Face_folder_and_converted_from_it_gives_the_same_logits(string family, double tolerance)
    {
        using TemporaryFolder folder = new();
        string from = folder["from"], to = folder["to"];
        HuggingFaceFolder.Write(SharedMaterial.Path($"foreign/{family}.gguf"), from);
        Converter.Convert(from, to, new() { WeightType = WeightRecipe.Of(GgmlType.F32) });
        foreach (string path in new[] { from, to })
        {
            using MeKiModel model = MeKiModel.Load(path, GoldenAssert.Exact);
            Assert.Equal(family, model.Config.Family);
            Check(model, family, tolerance);
        }
    }

    // Of random weights, logits of the first tokens differ by this part of the largest: what rounding to the format costs.
    [SharedTheory("foreign/gemma4.json")]
    [InlineData("gemma3", 5e-3, 0.1, 0.9)]
    [InlineData("gemma3n", 0.3, 2, 2)]
    [InlineData("gemma4", 0.05, 0.5, 2)]
    [Trait("Length", "Long")]
    public void A_quantised_file_stays_within_its_formats_bound(string family, double half, double eight, double four)
    {
        using TemporaryFolder folder = new();
        foreach ((GgmlType type, bool panels, double bound) in new[] { (GgmlType.F16, false, half), (GgmlType.Q8_0, true, eight), (GgmlType.Q4_0, true, four) })
        {
            string path = folder[$"{type}{panels}.gguf"];
            Quantizer.Quantize(SharedMaterial.Path($"foreign/{family}.gguf"), path, WeightRecipe.Of(type), panels: panels);
            using MeKiModel model = MeKiModel.Load(path, GoldenAssert.Exact);
            Check(model, family, bound, 4);
        }
    }

    private static (int[] Ids, double[][] Logits)[] Reference(string family)
    {
        using GgufFile file = GgufFile.Open(SharedMaterial.Path($"foreign/{family}.gguf"));
        GemmaReference reference = new(file);
        return [.. ForeignAnswers.Cases(family).Select(item => Golden.Ints(item.GetProperty("tokens"))).Select(ids => (ids, reference.Logits(ids)))];
    }

    private static void Check(MeKiModel model, string family, double tolerance, int positions = int.MaxValue)
    {
        foreach ((int[] all, double[][] answers) in References.GetOrAdd(family, Reference))
        {
            int[] ids = [.. all.Take(positions)];
            double[][] wanted = [.. answers.Take(positions)];
            float[] logits = GoldenAssert.AllLogits(model, ids);
            double largest = wanted.Max(row => row.Max(Math.Abs)), worst = wanted.SelectMany(row => row).Zip(logits, (a, b) => Math.Abs(a - b)).Max();
            Assert.True(worst <= tolerance * largest, $"{family}: {worst / largest:g3}");
        }
    }
}
