using MeKi.Model.Tokenization;

namespace MeKi.Model.Sampling;

/// <summary>Sequence breakers as tokens: those whose text contains one, and those that begin one which other tokens complete.</summary>
internal sealed class DryBreakers
{
    private const int MostTokens = 20;

    private static readonly string[] Default = ["\n", ":", "\"", "*"];

    // What has to follow a token; empty where it is a breaker by itself.
    private readonly Dictionary<int, List<int[]>> _rests = [];

    /// <summary>Finds the breakers of a vocabulary.</summary>
    public DryBreakers(Tokenizer tokenizer, IReadOnlyList<string>? breakers = null)
    {
        breakers ??= Default;
        for (int id = 0; id < tokenizer.VocabularySize; id++)
        {
            TokenDecoder decoder = tokenizer.CreateDecoder(continues: true);
            string text = $"{decoder.Append(id)}{decoder.Finish()}";
            foreach (string breaker in breakers)
                Add(id, text, breaker, tokenizer);
        }
    }

    /// <summary>Breakers given as tokens.</summary>
    public DryBreakers(IEnumerable<int[]> breakers)
    {
        foreach (int[] breaker in breakers)
            Add(breaker[0], breaker[1..]);
    }

    /// <summary>Whether a token is a breaker by itself.</summary>
    public bool IsBreaker(int token) => _rests.TryGetValue(token, out List<int[]>? rests) && rests.Exists(static rest => rest.Length == 0);

    /// <summary>How many tokens follow the last breaker; all where there is none.</summary>
    public int TokensSince(ReadOnlySpan<int> history)
    {
        for (int back = 0; back < history.Length; back++)
        {
            if (!_rests.TryGetValue(history[^(1 + back)], out List<int[]>? rests))
                continue;
            int longest = -1;
            foreach (int[] rest in rests)
            {
                if (rest.Length > longest && rest.Length <= back && history.Slice(history.Length - back, rest.Length).SequenceEqual(rest))
                    longest = rest.Length;
            }
            if (longest >= 0)
                return back - longest;
        }
        return history.Length;
    }

    private void Add(int id, string text, string breaker, Tokenizer tokenizer)
    {
        if (text.Contains(breaker, StringComparison.Ordinal))
        {
            Add(id, []);
            return;
        }
        for (int length = Math.Min(text.Length, breaker.Length - 1); length > 0; length--)
        {
            if (text.AsSpan().EndsWith(breaker.AsSpan(0, length), StringComparison.Ordinal))
                Add(id, [.. tokenizer.Encode(breaker[length..], addSpecial: false, parseSpecial: false).Take(MostTokens)]);
        }
    }

    private void Add(int id, int[] rest)
    {
        if (!_rests.TryGetValue(id, out List<int[]>? rests))
            _rests.Add(id, rests = []);
        if (!rests.Exists(each => each.AsSpan().SequenceEqual(rest)))
            rests.Add(rest);
    }
}
