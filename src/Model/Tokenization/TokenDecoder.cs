using System.Text;

namespace MeKi.Model.Tokenization;

/// <summary>
/// Turns the tokens of one text into characters, one token after the other. A character whose bytes several tokens share comes with the last of them.
/// Made by <see cref="Tokenizer.CreateDecoder"/>; serves one thread at a time.
/// </summary>
public abstract class TokenDecoder
{
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private char[] _characters = new char[64];
    private IReadOnlyDictionary<int, string>? _shown;

    private protected TokenDecoder()
    {
    }

    /// <summary>Adds a token.</summary>
    /// <param name="id">The token.</param>
    /// <returns>The characters that are whole now, possibly none; valid until the next call. Bytes that are no UTF-8 are U+FFFD.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public ReadOnlySpan<char> Append(int id) =>
        Convert(_shown?.TryGetValue(id, out string? text) == true ? Encoding.UTF8.GetBytes(text) : NextBytes(id), flush: false);

    /// <summary>Ends the text.</summary>
    /// <returns>U+FFFD for a character that is not whole, or nothing; valid until the next call.</returns>
    public ReadOnlySpan<char> Finish() => Convert([], flush: true);

    /// <summary>Shows tokens that have no text of their own.</summary>
    /// <param name="texts">Their texts by their ids; null for none.</param>
    internal TokenDecoder Showing(IReadOnlyDictionary<int, string>? texts)
    {
        _shown = texts;
        return this;
    }

    /// <summary>What a token adds to the text so far, in UTF-8; not always whole characters.</summary>
    private protected abstract ReadOnlySpan<byte> NextBytes(int id);

    private ReadOnlySpan<char> Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        int most = Encoding.UTF8.GetMaxCharCount(bytes.Length);
        if (_characters.Length < most)
            _characters = new char[most];
        return _characters.AsSpan(0, _utf8.GetChars(bytes, _characters, flush));
    }
}
