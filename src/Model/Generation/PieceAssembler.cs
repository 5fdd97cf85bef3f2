using System.Text;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Generation;

/// <summary>Turns tokens into pieces of text: whole characters, and what may yet become a stop string is held back.</summary>
internal sealed class PieceAssembler(TokenDecoder decoder, IReadOnlyList<string> stopStrings)
{
    private readonly StringBuilder _held = new();

    /// <summary>Whether a stop string has appeared; nothing follows it.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Adds a token; returns the text that is now certain, possibly none.</summary>
    public string Push(int token) => Add(decoder.Append(token), flush: false);

    /// <summary>Ends the text: returns what was held back. An incomplete character at the end becomes U+FFFD.</summary>
    public string Finish() => Stopped ? "" : Add(decoder.Finish(), flush: true);

    private string Add(ReadOnlySpan<char> characters, bool flush)
    {
        _held.Append(characters);
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
