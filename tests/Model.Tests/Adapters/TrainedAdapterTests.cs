using System.Text.Json;
using MeKi.Model.Tests.Reference;
using MeKi.Tests;

namespace MeKi.Model.Tests.Adapters;

/// <summary>Twelve trained adapters of a trained model, against PyTorch and llama.cpp.</summary>
public sealed class TrainedAdapterTests : IDisposable
{
    private readonly MeKiModel _model = MeKiModel.Load(SharedMaterial.Path("gguf/tiny-f16.gguf"), GoldenAssert.Exact);

    public void Dispose() => _model.Dispose();

    [SharedFact("lora/golden.json")]
    public void The_largest_logits_of_each_are_pytorchs()
    {
        foreach (JsonProperty task in Golden().EnumerateObject())
        {
            using MeKiSession session = _model.CreateSession([new(SharedMaterial.Path($"lora/{task.Name}"))]);
            float[] logits = new float[_model.Config.VocabularySize];
            session.Forward(task.Value.GetProperty("prompt_ids").EnumerateArray().Select(id => id.GetInt32()).ToArray(), logits);
            foreach (JsonElement pair in task.Value.GetProperty("top8").EnumerateArray())
                Assert.Equal(pair[1].GetDouble(), logits[pair[0].GetInt32()], 1e-3);
        }
    }

    [SharedTheory("lora/golden.json")]
    [InlineData("json")]
    [InlineData("play-pig")]
    [Trait("Length", "Long")]
    public void Examples_are_as_likely_as_pytorch_says(string task)
    {
        double expected = Golden().GetProperty(task).GetProperty("few_nll_adapter").GetDouble();
        Assert.Equal(expected, Nll(task, "few.jsonl"), 1e-3);
    }

    [SharedTheory("lora/add.gguf")]
    [InlineData("add")]
    [InlineData("json")]
    [InlineData("play-upper")]
    public void A_gguf_adapter_gives_llama_cpps_logits_and_text(string task)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(SharedMaterial.Path($"lora/{task}.gguf.json")));
        foreach (JsonElement item in document.RootElement.GetProperty("cases").EnumerateArray())
        {
            int[] tokens = [.. item.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32())],
                greedy = [.. item.GetProperty("greedy").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(tokens, _model.Tokenizer!.Encode(item.GetProperty("text").GetString()!));
            using MeKiSession session = _model.CreateSession([new(SharedMaterial.Path($"lora/{task}.gguf"))]);
            int vocabulary = _model.Config.VocabularySize;
            float[] logits = new float[tokens.Length * vocabulary];
            session.Forward(tokens, logits);
            double[] nll = GoldenAssert.Nll(logits, tokens), theirs = [.. item.GetProperty("nll").EnumerateArray().Select(each => each.GetDouble())];
            for (int i = 0; i < nll.Length; i++)
                Assert.Equal(theirs[i], nll[i], Math.Max(1e-3, 1e-3 * theirs[i]));
            foreach (JsonProperty position in item.GetProperty("logits").EnumerateObject())
            {
                float[] expected = [.. position.Value.EnumerateArray().Select(each => each.GetSingle())];
                float[] own = logits[(int.Parse(position.Name, System.Globalization.CultureInfo.InvariantCulture) * vocabulary)..][..expected.Length];
                Assert.True(GoldenAssert.RelativeDistance(own, expected) < 1e-3, $"{position.Name}: {GoldenAssert.RelativeDistance(own, expected)}");
            }
            List<int> made = [];
            float[] last = logits[^vocabulary..];
            while (made.Count < greedy.Length)
            {
                made.Add(Array.IndexOf(last, last.Max()));
                session.Forward([made[^1]], last);
            }
            Assert.Equal(greedy, made);
        }
    }

    private double Nll(string task, string file)
    {
        using MeKiSession session = _model.CreateSession([new(SharedMaterial.Path($"lora/{task}"))]);
        List<double> all = [];
        foreach (string line in File.ReadLines(SharedMaterial.Path($"lora/{task}/{file}")))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            int[] tokens = [.. _model.Tokenizer!.Encode(document.RootElement.GetProperty("text").GetString()!, addSpecial: false).Take(160)];
            session.Truncate(0);
            float[] logits = new float[tokens.Length * _model.Config.VocabularySize];
            session.Forward(tokens, logits);
            all.AddRange(GoldenAssert.Nll(logits, tokens));
        }
        return all.Average();
    }

    private static JsonElement Golden() => JsonDocument.Parse(File.ReadAllText(SharedMaterial.Path("lora/golden.json"))).RootElement;
}
