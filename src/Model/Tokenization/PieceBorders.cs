using System.Buffers;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Where text can be cut before it merges without changing a token: before a space and around a run of line feeds, unless some token has the two characters
/// side by side. What is left are words, which are known already, mostly.
/// </summary>
internal sealed class PieceBorders
{
    private static readonly SearchValues<char> s_spaceOrLineFeed = SearchValues.Create([SentencePieceData.Space, '\n']);

    private readonly HashSet<char> _beforeSpace = [];
    private readonly bool _atSpace, _atLineFeed;

    /// <param name="texts">The vocabulary.</param>
    /// <param name="kinds">The kind of each token.</param>
    /// <param name="canSpace">Whether it is known what a space becomes.</param>
    /// <param name="canLineFeed">The same of a line feed.</param>
    public PieceBorders(Utf8Strings texts, IReadOnlyList<TokenKind> kinds, bool canSpace, bool canLineFeed)
    {
        (_atSpace, _atLineFeed) = (canSpace, canLineFeed);
        for (int id = 0; id < texts.Count; id++)
        {
            ReadOnlySpan<byte> text = texts.Bytes(id);
            if (!ScoreTable.IsText(kinds[id]))
                continue;
            if (text.Contains((byte)'\n') && text.ContainsAnyExcept((byte)'\n'))
                _atLineFeed = false;
            if (text.Length > 3 && text[1..].IndexOf("\u2581"u8) >= 0)
                NoteSpaces(texts[id]);
        }
    }

    /// <summary>Where the first piece ends; at the text's end at the latest.</summary>
    /// <param name="text">The text, not empty.</param>
    public int Next(ReadOnlySpan<char> text)
    {
        for (int at = 1; at < text.Length; at++)
        {
            // Behind a line feed every character is a candidate.
            if (text[at - 1] != '\n')
            {
                int skipped = text[at..].IndexOfAny(s_spaceOrLineFeed);
                if (skipped < 0)
                    return text.Length;
                at += skipped;
            }
            if (text[at] == SentencePieceData.Space ? IsBorderBeforeSpace(text[at - 1]) : _atLineFeed && text[at] == '\n' != (text[at - 1] == '\n'))
                return at;
        }
        return text.Length;
    }

    private bool IsBorderBeforeSpace(char before) => _atSpace && before != SentencePieceData.Space && !_beforeSpace.Contains(before);

    private void NoteSpaces(string text)
    {
        for (int i = 1; i < text.Length; i++)
        {
            if (text[i] == SentencePieceData.Space && text[i - 1] != SentencePieceData.Space)
                _beforeSpace.Add(text[i - 1]);
        }
    }
}
