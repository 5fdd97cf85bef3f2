using MeKi.Model.Tokenization;

namespace MeKi.RowCache;

/// <summary>A sequence of token ids, and the ids by their frequency in text that the sequence is not made of (where there is such).</summary>
/// <param name="Name">Heads the table.</param>
/// <param name="Tokens">What is accessed, in order.</param>
/// <param name="ByFrequency">Token ids, the most frequent first.</param>
/// <param name="FrequencySource">Whose frequency it is.</param>
internal sealed record Trace(string Name, int[] Tokens, int[] ByFrequency, string FrequencySource);

/// <summary>The texts of <c>../shared/data</c> as the real Qwen vocabulary splits them.</summary>
internal static class Traces
{
    /// <summary>Length of a session.</summary>
    public const int SessionTokens = 512;

    private const int Sessions = 1200;

    /// <param name="shared">The folder of reference material.</param>
    /// <param name="vocabulary">Receives the number of token ids.</param>
    /// <exception cref="IOException">A file is missing or unreadable.</exception>
    /// <exception cref="MeKi.Model.ModelFileException">The vocabulary is not usable.</exception>
    public static Trace[] Read(string shared, out int vocabulary)
    {
        Tokenizer tokenizer = Tokenizer.Load(Path.Combine(shared, "vocab", "qwen2.gguf"));
        int size = vocabulary = tokenizer.VocabularySize;
        int[] plays = Encode("tinyshakespeare.txt");
        int[] articles = [.. Encode("wikitext-2/valid.txt"), .. Encode("wikitext-2/test.txt")];
        return
        [
            new("tinyshakespeare", plays, ByFrequency(articles, size), "wikitext-2"),
            new("wikitext-2, valid and test", articles, ByFrequency(plays, size), "tinyshakespeare"),
            new("sessions of 512 tokens from random places, the two texts in turn", Alternating(plays, articles), ByFrequency([.. plays, .. articles], size),
                "both, so it has seen the sessions"),
        ];

        int[] Encode(string name) => tokenizer.Encode(File.ReadAllText(Path.Combine(shared, "data", name)), addSpecial: false, parseSpecial: false);
    }

    /// <summary>Ids that occur, the most frequent first; of equals the lower id.</summary>
    internal static int[] ByFrequency(int[] tokens, int vocabulary)
    {
        int[] counts = new int[vocabulary];
        foreach (int token in tokens)
            counts[token]++;
        return [.. Enumerable.Range(0, vocabulary).Where(id => counts[id] > 0).OrderByDescending(id => counts[id])];
    }

    /// <summary>Unrelated sessions that share a cache, one after the other.</summary>
    internal static int[] Alternating(params ReadOnlySpan<int[]> texts)
    {
        Random random = new(5);
        int[] trace = new int[Sessions * SessionTokens];
        for (int session = 0; session < Sessions; session++)
        {
            int[] text = texts[session % texts.Length];
            text.AsSpan(random.Next(text.Length - SessionTokens), SessionTokens).CopyTo(trace.AsSpan(session * SessionTokens));
        }
        return trace;
    }
}
