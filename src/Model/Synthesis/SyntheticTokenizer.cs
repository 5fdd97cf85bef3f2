using MeKi.Model.Tokenization;

namespace MeKi.Model.Synthesis;

/// <summary>
/// A byte-level tokenizer of any size, made by rule: the 256 bytes, then words of open syllables ("ba", " ba", " bace", " bacedi"), then three control tokens.
/// <para>
/// Only a word with its space grows, always by one syllable at its end, so there is one way to merge each and every token is what its own text encodes to.
/// There are 21 · 5 = 105 syllables, hence 105 + 105 + 105² + 105³ = 1.17 million such tokens: enough for every vocabulary.
/// </para>
/// </summary>
internal static class SyntheticTokenizer
{
    private const string Consonants = "bcdfghjklmnpqrstvwxyz", Vowels = "aeiou";
    private const string EndOfText = "<|endoftext|>", StartOfTurn = "<|im_start|>", EndOfTurn = "<|im_end|>";

    /// <param name="vocabulary">Tokens in all; at least 259.</param>
    public static BytePairData Create(int vocabulary)
    {
        string[] controls = [EndOfText, StartOfTurn, EndOfTurn];
        (string Left, string Right)[] merges = [.. Merges().Take(vocabulary - 256 - controls.Length)];
        string[] tokens =
        [
            .. Enumerable.Range(0, 256).Select(value => ByteLevelAlphabet.CharOf((byte)value).ToString()),
            .. merges.Select(merge => merge.Left + merge.Right),
            .. controls,
        ];
        int endOfText = vocabulary - 3, endOfTurn = vocabulary - 1;
        return new()
        {
            Tokens = tokens,
            Kinds = [.. tokens.Select((_, id) => id < endOfText ? TokenKind.Normal : TokenKind.Control)],
            Merges = merges,
            SplitPatterns = SplitNames.Find("qwen2")!.Patterns,
            BosId = endOfText,
            EosIds = [endOfTurn, endOfText],
        };
    }

    private static IEnumerable<(string Left, string Right)> Merges()
    {
        string space = ByteLevelAlphabet.CharOf((byte)' ').ToString();
        string[] syllables = [.. Consonants.SelectMany(consonant => Vowels.Select(vowel => $"{consonant}{vowel}"))];
        foreach (string syllable in syllables)
            yield return (syllable[..1], syllable[1..]);
        List<string> words = [space];
        while (true)
        {
            List<string> longer = [];
            foreach (string word in words)
            {
                foreach (string syllable in syllables)
                {
                    yield return (word, syllable);
                    longer.Add(word + syllable);
                }
            }
            words = longer;
        }
    }
}
