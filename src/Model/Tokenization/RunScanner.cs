namespace MeKi.Model.Tokenization;

/// <summary>Runs of characters of one kind, such as <c>\p{N}{1,3}</c>, <c>[\r\n]</c> or <c>\s?\p{L}+</c>.</summary>
internal sealed class RunScanner : SplitScanner
{
    private readonly ulong[] _bits = new ulong[(1 << 16) / 64];
    private readonly int _least, _most;
    private readonly bool _spaced;

    /// <param name="some">The classes of the characters.</param>
    /// <param name="more">Others, as <see cref="CharacterClasses.CharactersOf"/> reads them.</param>
    /// <param name="least">The least of one match.</param>
    /// <param name="most">The most of one match.</param>
    /// <param name="spaced">Whether one white space before it belongs to it.</param>
    public RunScanner(CharacterClass some, string more = "", int least = 1, int most = int.MaxValue, bool spaced = false)
    {
        (_least, _most, _spaced) = (least, most, spaced);
        for (int c = 0; c <= char.MaxValue; c++)
        {
            if ((CharacterClasses.Table[c] & some) != 0)
                _bits[c / 64] |= 1ul << c;
        }
        foreach (char c in CharacterClasses.CharactersOf(more))
            _bits[c / 64] |= 1ul << c;
    }

    public override int Find(ReadOnlySpan<char> text, int from, out int length)
    {
        length = 0;
        for (int at = from; at < text.Length; at++)
        {
            if (!Has(text[at]))
                continue;
            int end = at + 1;
            while (end < text.Length && end - at < _most && Has(text[end]))
                end++;
            if (end - at < _least)
            {
                at = end;
                continue;
            }
            int start = _spaced && at > from && char.IsWhiteSpace(text[at - 1]) ? at - 1 : at;
            length = end - start;
            return start;
        }
        return -1;
    }

    private bool Has(char c) => (_bits[c / 64] >> c & 1) != 0;
}
