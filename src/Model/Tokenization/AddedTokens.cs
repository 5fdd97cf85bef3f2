using System.Buffers;
using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Finds tokens that stand in the text under their own name, such as <c>&lt;|im_end|&gt;</c>, before anything is split. A look-up is a binary search over the
/// names: every name that a text begins with is the beginning of the last name that does not come after the text.
/// </summary>
internal sealed class AddedTokens
{
    // No real one has a hundred characters, and the most in one vocabulary are some thousands. The bounds keep a hostile text short work and a hostile file
    // small.
    private const int MaxLength = 16384, MaxCount = 1 << 18;

    private readonly Name[] _sorted;
    private readonly int _longest;
    private readonly SearchValues<char> _beginnings, _userDefinedBeginnings;

    /// <param name="texts">The vocabulary.</param>
    /// <param name="kinds">The kind of each token.</param>
    /// <exception cref="InvalidTokenizerException">A token is too long, or there are too many.</exception>
    public AddedTokens(Utf8Strings texts, IReadOnlyList<TokenKind> kinds)
    {
        List<Name> names = [];
        for (int id = 0; id < kinds.Count; id++)
        {
            int length = texts.Bytes(id).Length;
            if (length == 0 || kinds[id] is not (TokenKind.Control or TokenKind.UserDefined or TokenKind.Unknown))
                continue;
            if (length > MaxLength)
                throw new InvalidTokenizerException($"token {id}", $"is an added token of {length} bytes where at most {MaxLength} are allowed");
            if (names.Count == MaxCount)
                throw new InvalidTokenizerException("added tokens", $"there are more than the {MaxCount} that are allowed");
            names.Add(new(texts[id], id, kinds[id] == TokenKind.UserDefined));
        }
        // Of the same text the first id counts.
        names.Sort(static (a, b) => string.CompareOrdinal(a.Text, b.Text) is var order and not 0 ? order : a.Id.CompareTo(b.Id));
        int kept = 0;
        for (int i = 0; i < names.Count; i++)
        {
            if (kept == 0 || names[kept - 1].Text != names[i].Text)
                names[kept++] = names[i];
        }
        _sorted = names[..kept].ToArray();
        Link(_sorted);
        _longest = _sorted.Select(static name => name.Text.Length).DefaultIfEmpty().Max();
        _beginnings = SearchValues.Create([.. _sorted.Select(static name => name.Text[0])]);
        _userDefinedBeginnings = SearchValues.Create([.. _sorted.Where(static name => name.IsUserDefined).Select(static name => name.Text[0])]);
    }

    /// <summary>Finds the first added token at or after an offset; of several that begin there, the longest.</summary>
    /// <param name="text">The text.</param>
    /// <param name="from">The offset.</param>
    /// <param name="all">Whether all count, or only those that a user defined.</param>
    /// <param name="start">Receives where it begins; the text's length where there is none.</param>
    /// <param name="length">Receives its length.</param>
    /// <param name="id">Receives its id.</param>
    public bool TryFind(ReadOnlySpan<char> text, int from, bool all, out int start, out int length, out int id)
    {
        SearchValues<char> beginnings = all ? _beginnings : _userDefinedBeginnings;
        for (start = from; text[start..].IndexOfAny(beginnings) is >= 0 and int skipped; start++)
        {
            start += skipped;
            Name? found = Longest(text[start..]);
            if (!all)
                found = found?.UserDefined;
            if (found is not null)
            {
                (length, id) = (found.Text.Length, found.Id);
                return true;
            }
        }
        (start, length, id) = (text.Length, 0, -1);
        return false;
    }

    // The longest name that a text begins with.
    private Name? Longest(ReadOnlySpan<char> text)
    {
        text = text[..Math.Min(text.Length, _longest)];
        int low = 0, high = _sorted.Length, sharedLow = 0, sharedHigh = 0;
        while (low < high)
        {
            // What the names at both ends share with the text, all between them do.
            int middle = (low + high) / 2, shared = Math.Min(sharedLow, sharedHigh);
            string name = _sorted[middle].Text;
            shared += name.AsSpan(shared).CommonPrefixLength(text[shared..]);
            if (shared == name.Length || (shared < text.Length && name[shared] < text[shared]))
                (low, sharedLow) = (middle + 1, shared);
            else
                (high, sharedHigh) = (middle, shared);
        }
        Name? found = low > 0 ? _sorted[low - 1] : null;
        while (found is not null && found.Text.Length > sharedLow)
            found = found.Skip is { } far && far.Text.Length > sharedLow ? far : found.Beginning;
        return found;
    }

    // Each name learns the longest other one that it begins with, and one so far up that line that any is reached in few steps.
    private static void Link(Name[] sorted)
    {
        Stack<Name> line = new();
        foreach (Name name in sorted)
        {
            while (line.TryPeek(out Name? last) && !name.Text.StartsWith(last.Text, StringComparison.Ordinal))
                line.Pop();
            if (line.TryPeek(out Name? beginning))
            {
                name.Beginning = beginning;
                name.Depth = beginning.Depth + 1;
                // Two steps of one length become one of twice the length and one more.
                bool two = beginning.Skip is { Skip: { } farther } skip && beginning.Depth - skip.Depth == skip.Depth - farther.Depth;
                name.Skip = two ? beginning.Skip!.Skip : beginning;
            }
            name.UserDefined = name.IsUserDefined ? name : name.Beginning?.UserDefined;
            line.Push(name);
        }
    }

    private sealed class Name(string text, int id, bool isUserDefined)
    {
        public string Text => text;

        public int Id => id;

        public bool IsUserDefined => isUserDefined;

        /// <summary>The longest other name that this one begins with.</summary>
        public Name? Beginning { get; set; }

        /// <summary>One that <see cref="Beginning"/> leads to after several steps, or it.</summary>
        public Name? Skip { get; set; }

        /// <summary>How many names this one begins with.</summary>
        public int Depth { get; set; }

        /// <summary>The longest name, this one or one that it begins with, of a token that a user defined.</summary>
        public Name? UserDefined { get; set; }
    }
}
