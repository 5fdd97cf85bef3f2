using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>Finds a token by its text, in UTF-8. A vocabulary is looked up two or three times a merge while a model loads, 300,000 times and more.</summary>
internal sealed class TokenIndex
{
    private readonly SlotTable _slots;

    /// <param name="texts">The tokens. An empty one can be met in no text, and foreign vocabularies have several: it is not found. Of those with the same
    /// text the first is.</param>
    public TokenIndex(Utf8Strings texts)
    {
        Texts = texts;
        _slots = new(texts.Count);
        for (int id = 0; id < texts.Count; id++)
        {
            ReadOnlySpan<byte> text = texts.Bytes(id);
            if (text.IsEmpty)
                continue;
            ulong hash = SlotTable.Hash(text);
            int before = Find(text, hash, out int at);
            if (before < 0)
                _slots.Put(at, hash, id);
            else
                Duplicates = (Duplicates.Count + 1, Duplicates.Count == 0 ? (id, before) : Duplicates.One);
        }
    }

    /// <summary>The token texts by id.</summary>
    public Utf8Strings Texts { get; }

    /// <summary>How many tokens have the text of one before them, and the first of them with that one.</summary>
    public (int Count, (int Id, int First) One) Duplicates { get; }

    /// <summary>The id of a token text, or -1.</summary>
    public int Find(ReadOnlySpan<byte> text) => Find(text, SlotTable.Hash(text), out _);

    /// <summary>The id of a token text, or -1, with a guess that costs little when it is right.</summary>
    public int Find(ReadOnlySpan<byte> text, int guess) =>
        (uint)guess < (uint)Texts.Count && text.Length > 0 && Duplicates.Count == 0 && Texts.Bytes(guess).SequenceEqual(text) ? guess : Find(text);

    private int Find(ReadOnlySpan<byte> text, ulong hash, out int at)
    {
        at = _slots.First(hash);
        for (int id; (id = _slots.Candidate(hash, ref at)) >= 0; at++)
        {
            if (Texts.Bytes(id).SequenceEqual(text))
                return id;
        }
        return -1;
    }
}
