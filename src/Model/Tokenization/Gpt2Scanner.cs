namespace MeKi.Model.Tokenization;

/// <summary>The pattern of GPT-2: contractions; words, numbers and signs, each with a space before it; white space.</summary>
internal sealed class Gpt2Scanner : SplitScanner
{
    public override int Find(ReadOnlySpan<char> text, int from, out int length)
    {
        length = Match(text, from) - from;
        return from;
    }

    private static int Match(ReadOnlySpan<char> text, int at)
    {
        if (Contraction(text, at, anyCase: false) is > 0 and int contracted)
            return at + contracted;
        int word = text[at] == ' ' ? at + 1 : at;
        if (Is(CharacterClass.Letter, text, word))
            return EndOf(CharacterClass.Letter, text, word);
        if (Is(CharacterClass.Number, text, word))
            return EndOf(CharacterClass.Number, text, word);
        int end = EndOfOthers(CharacterClass.Letter | CharacterClass.Number | CharacterClass.Space, text, word);
        return end > word ? end : at + Spaces(text, at, lines: false);
    }
}
