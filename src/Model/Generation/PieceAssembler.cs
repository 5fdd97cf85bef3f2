using System.Text;

namespace MeKi.Model.Generation;

/// <summary>
/// Turns token bytes into pieces of text: a UTF-8 sequence is given out when it is whole, and text that may yet become a stop string is held back.
/// </summary>
internal sealed class PieceAssembler(IReadOnlyList<string> stopStrings)
{
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder _held = new();
    private char[] _chars = new char[64];

    /// <summary>Whether a stop string has appeared; nothing follows it.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Adds a token's bytes; returns the text that is now certain, possibly none.</summary>
    public string Push(ReadOnlySpan<byte> bytes) => Add(bytes, flush: false);

    /// <summary>Ends the text: returns what was held back. An incomplete UTF-8 sequence at the end becomes U+FFFD.</summary>
    public string Finish() => Stopped ? "" : Add([], flush: true);

    private string Add(ReadOnlySpan<byte> bytes, bool flush)
    {
        int most = Encoding.UTF8.GetMaxCharCount(bytes.Length);
        if (_chars.Length < most)
            _chars = new char[most];
        _held.Append(_chars, 0, _utf8.GetChars(bytes, _chars, flush));
        string text = _held.ToString();
        int certain = flush ? text.Length : text.Length - LongestBeginningOfStop(text);
        foreach (string stop in stopStrings)
        {
            int at = text.IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0 && (!Stopped || at < certain))
                (certain, Stopped) = (at, true);
        }
        _held.Remove(0, certain);
        return text[..certain];
    }

    private int LongestBeginningOfStop(string text)
    {
        int longest = 0;
        foreach (string stop in stopStrings)
        {
            for (int length = Math.Min(stop.Length - 1, text.Length); length > longest; length--)
            {
                if (text.AsSpan().EndsWith(stop.AsSpan(0, length), StringComparison.Ordinal))
                {
                    longest = length;
                    break;
                }
            }
        }
        return longest;
    }
}
