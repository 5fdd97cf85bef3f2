using System.Buffers;

namespace MeKi.Model.Tokenization;

/// <summary>Finds tokens that stand in the text under their own name, such as <c>&lt;|im_end|&gt;</c>, before anything is split.</summary>
internal sealed class AddedTokens
{
    private readonly (string Text, int Id)[] _longestFirst;
    private readonly SearchValues<string> _any;

    public AddedTokens(TokenizerData data, Func<TokenKind, bool> counts)
    {
        // The kind first: of a hundred thousand tokens a few become strings.
        _longestFirst = [.. Enumerable.Range(0, data.Tokens.Count).Where(id => counts(data.Kinds[id])).Select(id => (Text: data.Tokens[id], Id: id))
            .Where(static token => token.Text.Length > 0)
            .OrderByDescending(static token => token.Text.Length)];
        _any = SearchValues.Create([.. _longestFirst.Select(static token => token.Text)], StringComparison.Ordinal);
    }

    /// <summary>Finds the first added token at or after an offset; of several that begin there, the longest.</summary>
    public bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int length, out int id)
    {
        (start, length, id) = (text.Length, 0, -1);
        int found = _longestFirst.Length == 0 ? -1 : text[from..].IndexOfAny(_any);
        if (found < 0)
            return false;
        start = from + found;
        foreach (var token in _longestFirst)
        {
            if (text[start..].StartsWith(token.Text, StringComparison.Ordinal))
            {
                (length, id) = (token.Text.Length, token.Id);
                return true;
            }
        }
        return false;
    }
}
