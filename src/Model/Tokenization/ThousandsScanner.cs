using System.Globalization;

namespace MeKi.Model.Tokenization;

/// <summary>Digits in groups of three, the first group shorter where their number asks for it: <c>\d{1,3}(?=(?:\d{3})*(?!\d))</c>.</summary>
/// <param name="decimals">Whether digits are <c>\d</c>, not <c>\p{N}</c>.</param>
/// <param name="bounded">Whether only those count that end a word: <c>\b</c> in place of <c>(?!\d)</c>.</param>
internal sealed class ThousandsScanner(bool decimals, bool bounded) : SplitScanner
{
    private const int Group = 3;

    public override int Find(ReadOnlySpan<char> text, int from, out int length)
    {
        for (int at = from; at < text.Length; at++)
        {
            if (!IsDigit(text[at]))
                continue;
            // Behind a group, or the look-up would go through all digits for each.
            if (at == from && at > 0 && IsDigit(text[at - 1]))
            {
                length = Group;
                return at;
            }
            int end = at + 1;
            while (end < text.Length && IsDigit(text[end]))
                end++;
            if (bounded && end < text.Length && IsWord(text[end]))
            {
                at = end;
                continue;
            }
            length = (end - at) % Group is > 0 and int first ? first : Group;
            return at;
        }
        length = 0;
        return -1;
    }

    private bool IsDigit(char c) => decimals ? CharacterClasses.CategoryOf(c) == UnicodeCategory.DecimalDigitNumber
        : (CharacterClasses.Table[c] & CharacterClass.Number) != 0;

    // As Oniguruma's \b has it, where marks of every kind belong to a word, with the joiners.
    private static bool IsWord(char c) => c is '\u200C' or '\u200D' || (CharacterClasses.Table[c] & (CharacterClass.Letter | CharacterClass.Mark)) != 0
        || CharacterClasses.CategoryOf(c) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation;
}
