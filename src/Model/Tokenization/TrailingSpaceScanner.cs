namespace MeKi.Model.Tokenization;

/// <summary><c>\s+$</c>: white space at the end of a line.</summary>
internal sealed class TrailingSpaceScanner : SplitScanner
{
    public override int Find(ReadOnlySpan<char> text, int from, out int length)
    {
        for (int at = EndOfOthers(CharacterClass.Space, text, from), end; at < text.Length; at = EndOfOthers(CharacterClass.Space, text, end))
        {
            end = EndOf(CharacterClass.Space, text, at);
            length = end == text.Length ? end - at : text[at..end].LastIndexOf('\n');
            if (length > 0)
                return at;
        }
        length = 0;
        return -1;
    }
}
