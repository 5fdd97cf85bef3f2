using System.Text;

namespace MeKi.Fuzz.Mutation;

/// <summary>Changes to texts of some language: words and signs are taken away, doubled, exchanged, nested, and taken from other texts.</summary>
/// <param name="words">Words of the language.</param>
/// <param name="pairs">What nests: openers and their closers.</param>
internal sealed class TextMutation(string[] words, (string Open, string Close)[] pairs)
{
    private const int MostTokens = 60_000;

    public byte[] Mutate(byte[] bytes, byte[] other, Random random)
    {
        // Now and then what is no text.
        if (random.Next(24) == 0)
            return BytesMutation.Mutate(bytes, other, random);
        List<string> tokens = Cut(Encoding.UTF8.GetString(bytes)), others = Cut(Encoding.UTF8.GetString(other));
        for (int round = Interesting.Rounds(random); round > 0; round--)
            Once(tokens, others, random);
        if (tokens.Count > MostTokens)
            tokens.RemoveRange(MostTokens, tokens.Count - MostTokens);
        return Encoding.UTF8.GetBytes(string.Concat(tokens));
    }

    private static List<string> Cut(string text)
    {
        List<string> tokens = [];
        for (int at = 0, end; at < text.Length; at = end)
        {
            end = at + 1;
            bool word = char.IsLetterOrDigit(text[at]) || text[at] == '_', space = char.IsWhiteSpace(text[at]);
            while (end < text.Length && (word && (char.IsLetterOrDigit(text[end]) || text[end] == '_') || space && char.IsWhiteSpace(text[end])))
                end++;
            tokens.Add(text[at..end]);
        }
        return tokens;
    }

    private void Once(List<string> tokens, List<string> others, Random random)
    {
        int at = random.Next(tokens.Count + 1), length = Math.Min(tokens.Count - at, 1 + random.Next(random.Next(4) == 0 ? 40 : 4));
        switch (random.Next(12))
        {
            case 0:
                tokens.RemoveRange(at, length);
                break;
            case 1:
                tokens.InsertRange(at, tokens.GetRange(at, length));
                break;
            case 2:
                string repeated = string.Concat(tokens.GetRange(at, length));
                tokens.Insert(at, Repeat(repeated, Times(random)));
                break;
            case 3:
            case 4:
                tokens.Insert(at, Interesting.Pick(random, words));
                break;
            case 5:
            case 6 when at < tokens.Count:
                if (at < tokens.Count)
                    tokens[at] = random.Next(3) == 0 && tokens.Count > 0 ? tokens[random.Next(tokens.Count)] : Interesting.Pick(random, words);
                break;
            case 7:
                (string open, string close) = Interesting.Pick(random, pairs);
                int times = Times(random);
                tokens.Insert(at + length, Repeat(close, random.Next(4) == 0 ? times - 1 : times));
                tokens.Insert(at, Repeat(open, times));
                break;
            case 8 when others.Count > 0:
                int from = random.Next(others.Count);
                tokens.InsertRange(at, others.GetRange(from, Math.Min(others.Count - from, 1 + random.Next(30))));
                break;
            case 9:
                tokens.Insert(at, random.Next(2) == 0 ? Interesting.Integer(random).ToString(System.Globalization.CultureInfo.InvariantCulture)
                    : Interesting.Text(random));
                break;
            case 10 when random.Next(4) == 0:
                tokens.RemoveRange(at, tokens.Count - at);
                break;
            default:
                if (tokens.Count > 1)
                {
                    int one = random.Next(tokens.Count), two = random.Next(tokens.Count);
                    (tokens[one], tokens[two]) = (tokens[two], tokens[one]);
                }
                break;
        }
    }

    private static int Times(Random random) => random.Next(12) switch { 0 => 20_000, 1 or 2 => 1_000, 3 or 4 => 100, _ => random.Next(1, 12) };

    private static string Repeat(string text, int times) =>
        new StringBuilder().Insert(0, text, Math.Clamp(times, 0, Math.Max(1, 100_000 / Math.Max(1, text.Length)))).ToString();
}
