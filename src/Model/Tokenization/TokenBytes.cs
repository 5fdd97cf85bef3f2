using MeKi.Model.Files;

namespace MeKi.Model.Tokenization;

/// <summary>The bytes that each token stands for, in one block of memory.</summary>
internal sealed class TokenBytes
{
    private readonly byte[] _bytes;
    private readonly int[] _ends;

    /// <param name="texts">The vocabulary.</param>
    /// <param name="kinds">The kind of each token. Control, unknown and unused tokens have no bytes.</param>
    /// <param name="read">Reads the others.</param>
    public TokenBytes(Utf8Strings texts, IReadOnlyList<TokenKind> kinds, Reader read)
    {
        // No token has more bytes than its text.
        _bytes = new byte[Enumerable.Range(0, texts.Count).Sum(id => HasBytes(kinds[id]) ? texts.Bytes(id).Length : 0)];
        _ends = new int[texts.Count];
        for (int id = 0, end = 0; id < _ends.Length; id++)
        {
            int length = HasBytes(kinds[id]) ? read(texts.Bytes(id), kinds[id], _bytes.AsSpan(end)) : 0;
            _ends[id] = end += length;
            Longest = Math.Max(Longest, length);
        }
    }

    /// <summary>Writes the bytes that a token text stands for.</summary>
    /// <returns>How many there are.</returns>
    public delegate int Reader(ReadOnlySpan<byte> text, TokenKind kind, Span<byte> bytes);

    /// <summary>The most bytes of one token.</summary>
    public int Longest { get; }

    public ReadOnlySpan<byte> this[int id]
    {
        get
        {
            int start = id == 0 ? 0 : _ends[id - 1];
            return _bytes.AsSpan(start, _ends[id] - start);
        }
    }

    private static bool HasBytes(TokenKind kind) => kind is TokenKind.Normal or TokenKind.Byte or TokenKind.UserDefined;
}
