using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Finds a token by its text, in UTF-8: open addressing. A vocabulary is looked up two or three times a merge while a model loads (300,000 times and more),
/// so a slot holds the hash too: a look-up touches the text only where it is the right one.
/// </summary>
internal sealed class TokenIndex
{
    private readonly Utf8Strings _texts;
    private readonly (uint Hash, int Id)[] _slots;

    /// <param name="texts">The tokens. An empty one can be met in no text, and foreign vocabularies have several: it is not found.</param>
    /// <exception cref="InvalidTokenizerException">Two have the same text.</exception>
    public TokenIndex(Utf8Strings texts)
    {
        _texts = texts;
        _slots = new (uint, int)[SlotHash.SlotsFor(texts.Count)];
        _slots.AsSpan().Fill((0, -1));
        for (int id = 0; id < texts.Count; id++)
        {
            ReadOnlySpan<byte> text = texts.Bytes(id);
            if (text.IsEmpty)
                continue;
            ref (uint Hash, int Id) slot = ref SlotOf(text, out uint hash);
            if (slot.Id >= 0)
                throw new InvalidTokenizerException($"token {id}", $"has the text {UntrustedText.Quote(texts[id])} of token {slot.Id}");
            slot = (hash, id);
        }
    }

    /// <summary>The id of a token text, or -1.</summary>
    public int Find(ReadOnlySpan<byte> text) => SlotOf(text, out _).Id;

    /// <summary>The id of a token text, or -1, with a guess that costs little when it is right.</summary>
    public int Find(ReadOnlySpan<byte> text, int guess) =>
        (uint)guess < (uint)_texts.Count && text.Length > 0 && _texts.Bytes(guess).SequenceEqual(text) ? guess : Find(text);

    // The text's slot, or the free one where it belongs.
    private ref (uint Hash, int Id) SlotOf(ReadOnlySpan<byte> text, out uint hash)
    {
        ulong wide = SlotHash.Of(text);
        hash = (uint)wide;
        int last = _slots.Length - 1;
        for (int at = (int)(wide >> 32) & last; ; at = (at + 1) & last)
        {
            ref (uint Hash, int Id) slot = ref _slots[at];
            if (slot.Id < 0 || (slot.Hash == hash && _texts.Bytes(slot.Id).SequenceEqual(text)))
                return ref slot;
        }
    }
}
