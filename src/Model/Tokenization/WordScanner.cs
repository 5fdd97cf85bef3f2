namespace MeKi.Model.Tokenization;

/// <summary>The patterns of Llama 3 and Qwen: contractions, words with one sign before them, numbers, signs, white space.</summary>
/// <param name="marks">Whether marks belong to words.</param>
/// <param name="digits">The most digits of one piece.</param>
/// <param name="lines">Whether the ends of lines belong to the signs before them.</param>
internal sealed class WordScanner(bool marks, int digits, bool lines = true) : SplitScanner
{
    private const CharacterClass LetterOrNumber = CharacterClass.Letter | CharacterClass.Number;

    private readonly CharacterClass _words = marks ? CharacterClass.Letter | CharacterClass.Mark : CharacterClass.Letter;

    public override int Find(ReadOnlySpan<char> text, int from, out int length)
    {
        length = Match(text, from) - from;
        return from;
    }

    private int Match(ReadOnlySpan<char> text, int at)
    {
        char c = text[at];
        if (c == '\'' && Contraction(text, at, anyCase: true) is > 0 and int contracted)
            return at + contracted;
        if (c is not ('\r' or '\n') && !Is(LetterOrNumber, text, at) && Is(_words, text, at + 1))
            return EndOf(_words, text, at + 1);
        if (Is(_words, text, at))
            return EndOf(_words, text, at);
        if (Is(CharacterClass.Number, text, at))
            return EndOf(CharacterClass.Number, text[..Math.Min(text.Length, at + Math.Min(digits, text.Length))], at);
        int signs = c == ' ' ? at + 1 : at, end = EndOfOthers(CharacterClass.Space | CharacterClass.Number | _words, text, signs);
        if (end == signs)
            return at + Spaces(text, at, lines: true);
        while (lines && end < text.Length && text[end] is '\r' or '\n')
            end++;
        return end;
    }
}
