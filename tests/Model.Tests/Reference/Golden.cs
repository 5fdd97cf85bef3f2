using System.Text.Json;
using MeKi.Kernels;

namespace MeKi.Model.Tests.Reference;

/// <summary>The answers of the independent implementation: a checkpoint's <c>golden.json</c>.</summary>
internal sealed record Golden(string Folder, IReadOnlyList<GoldenCase> Cases, IReadOnlyList<(int Layer, int Token, float[] Row)> FoldedRows, JsonElement Root)
{
    public static Golden Read(string folder, string file = "golden.json")
    {
        JsonElement root = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, file))).RootElement;
        List<(int, int, float[])> rows = [];
        if (root.TryGetProperty("folded_rows", out JsonElement folded))
        {
            foreach (JsonElement layer in folded.EnumerateArray())
            {
                int[] tokens = Ints(layer.GetProperty("tokens"));
                for (int i = 0; i < tokens.Length; i++)
                    rows.Add((layer.GetProperty("layer").GetInt32(), tokens[i], Floats(layer.GetProperty("folded")[i])));
            }
        }
        return new(folder, [.. root.GetProperty("cases").EnumerateArray().Select(GoldenCase.Read)], rows, root);
    }

    public static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetInt32())];

    public static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetSingle())];
}

internal sealed record GoldenCase(
    string? Prompt, int[] PromptIds, int[] GreedyIds, string? GreedyText, float[]? LastLogits, (int Id, float Logit)[] Top8, float LogitNorm,
        float[] NllPerToken)
{
    public static GoldenCase Read(JsonElement item) => new(
        item.GetProperty("prompt").GetString(),
        Golden.Ints(item.GetProperty("prompt_ids")),
        Golden.Ints(item.GetProperty("greedy_ids")),
        item.GetProperty("greedy_text").GetString(),
        item.GetProperty("last_logits").ValueKind == JsonValueKind.Null ? null : Golden.Floats(item.GetProperty("last_logits")),
        [.. item.GetProperty("top8").EnumerateArray().Select(pair => (pair[0].GetInt32(), pair[1].GetSingle()))],
        item.GetProperty("logit_norm").GetSingle(),
        Golden.Floats(item.GetProperty("nll_per_token")));
}

/// <summary>What every comparison with the reference asks of a model.</summary>
internal static class GoldenAssert
{
    /// <summary>Nothing rounded that the reference, in float32, does not round.</summary>
    public static LoadOptions Exact { get; } = new() { KeyFormat = KvFormat.F32, ValueFormat = KvFormat.F32 };

    /// <summary>Logits of all tokens, [n × V].</summary>
    public static float[] AllLogits(MeKiModel model, ReadOnlySpan<int> tokens)
    {
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[tokens.Length * model.Config.VocabularySize];
        session.Forward(tokens, logits);
        return logits;
    }

    public static int[] Greedy(MeKiModel model, int[] prompt, int count)
    {
        using MeKiSession session = model.CreateSession();
        float[] logits = new float[model.Config.VocabularySize];
        session.Forward(prompt, logits);
        int[] made = new int[count];
        for (int i = 0; i < count; i++)
        {
            made[i] = Array.IndexOf(logits, logits.Max());
            if (i + 1 < count)
                session.Forward([made[i]], logits);
        }
        return made;
    }

    /// <summary>Negative log-likelihood of tokens[1..] given what precedes each, from logits of every position.</summary>
    public static double[] Nll(ReadOnlySpan<float> logits, ReadOnlySpan<int> tokens)
    {
        int vocabulary = logits.Length / tokens.Length;
        double[] nll = new double[tokens.Length - 1];
        for (int i = 0; i < nll.Length; i++)
        {
            ReadOnlySpan<float> row = logits.Slice(i * vocabulary, vocabulary);
            double max = double.MinValue, sum = 0;
            foreach (float logit in row)
                max = Math.Max(max, logit);
            foreach (float logit in row)
                sum += Math.Exp(logit - max);
            nll[i] = max + Math.Log(sum) - row[tokens[i + 1]];
        }
        return nll;
    }

    public static double RelativeDistance(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        Assert.Equal(expected.Length, actual.Length);
        double difference = 0, norm = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            difference += Math.Pow(actual[i] - (double)expected[i], 2);
            norm += Math.Pow(expected[i], 2);
        }
        return Math.Sqrt(difference / norm);
    }
}
