namespace MeKi.Model.Tokenization;

/// <summary>The patterns of GPT-4o and Tekken: words end where capitals begin; numbers, signs, white space.</summary>
/// <param name="contractions">Whether contractions belong to the word before them.</param>
/// <param name="digits">The most digits of one piece.</param>
internal sealed class CaseScanner(bool contractions, int digits) : SplitScanner
{
    private const CharacterClass LetterOrNumber = CharacterClass.Letter | CharacterClass.Number;

    public override int Find(ReadOnlySpan<char> text, int from, out int length)
    {
        length = Match(text, from) - from;
        return from;
    }

    private int Match(ReadOnlySpan<char> text, int at)
    {
        char c = text[at];
        bool canLead = c is not ('\r' or '\n') && !Is(LetterOrNumber, text, at);
        int end = canLead ? Lower(text, at + 1) : -1;
        if (end < 0)
            end = Lower(text, at);
        if (end < 0 && canLead && Is(CharacterClass.Upper, text, at + 1))
            end = EndOf(CharacterClass.Upper, text, at + 1);
        if (end < 0 && Is(CharacterClass.Upper, text, at))
            end = EndOf(CharacterClass.Upper, text, at);
        if (end >= 0)
            return contractions ? end + Contraction(text, end, anyCase: true) : end;
        if (Is(CharacterClass.Number, text, at))
            return EndOf(CharacterClass.Number, text[..Math.Min(text.Length, at + digits)], at);
        int signs = c == ' ' ? at + 1 : at;
        end = EndOfOthers(LetterOrNumber | CharacterClass.Space, text, signs);
        if (end == signs)
            return at + Spaces(text, at, lines: true);
        while (end < text.Length && text[end] is '\r' or '\n' or '/')
            end++;
        return end;
    }

    // The end of capitals, none or more, and small letters, one or more; of those that are both, the capitals take what they can. -1 where there is none.
    private static int Lower(ReadOnlySpan<char> text, int at)
    {
        int capitals = EndOf(CharacterClass.Upper, text, at), end = EndOf(CharacterClass.Lower, text, capitals);
        if (end > capitals)
            return end;
        while (capitals > at && !Is(CharacterClass.Lower, text, capitals - 1))
            capitals--;
        return capitals > at ? capitals : -1;
    }
}
