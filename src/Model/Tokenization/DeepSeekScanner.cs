namespace MeKi.Model.Tokenization;

/// <summary>The last pattern of DeepSeek V3: a sign with letters of ASCII, words with one character before them, signs, white space.</summary>
internal sealed class DeepSeekScanner : SplitScanner
{
    private const CharacterClass Sign = CharacterClass.Punctuation | CharacterClass.Symbol, Word = CharacterClass.Letter | CharacterClass.Mark;

    public override int Find(ReadOnlySpan<char> text, int from, out int length)
    {
        for (int at = from; at < text.Length; at++)
        {
            length = Match(text, at) - at;
            if (length > 0)
                return at;
        }
        length = 0;
        return -1;
    }

    private static int Match(ReadOnlySpan<char> text, int at)
    {
        char c = text[at];
        if (c < 0x80 && Is(Sign, text, at) && at + 1 < text.Length && char.IsAsciiLetter(text[at + 1]))
        {
            while (++at < text.Length && char.IsAsciiLetter(text[at]))
            {
            }
            return at;
        }
        if (c is not ('\r' or '\n') && !Is(Sign | CharacterClass.Letter, text, at) && Is(Word, text, at + 1))
            return EndOf(Word, text, at + 1);
        if (Is(Word, text, at))
            return EndOf(Word, text, at);
        int signs = c == ' ' ? at + 1 : at, end = EndOf(Sign, text, signs);
        if (end > signs)
        {
            while (end < text.Length && text[end] is '\r' or '\n')
                end++;
            return end;
        }
        return at + Spaces(text, at, lines: true);
    }
}
