using System.Runtime.InteropServices;
using System.Text;
using MeKi.Model.Tokenization;

namespace MeKi.Model.Generation;

/// <summary>Turns tokens into pieces of text: whole characters, and what may yet become a stop string is held back.</summary>
internal sealed class PieceAssembler(TokenDecoder decoder, IReadOnlyList<string> stopStrings)
{
    private readonly StringBuilder _held = new();
    private readonly List<GeneratedToken> _tokens = [];
    private string _certain = "";
    private int _certainTokens;

    /// <summary>Whether a stop string has appeared; nothing follows it.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Adds a token.</summary>
    public void Push(GeneratedToken token)
    {
        int certain = _certain.Length;
        _tokens.Add(token);
        ReadOnlySpan<char> characters = decoder.Append(token.Id);
        // Where nothing is held back, a token costs the piece that its caller gets.
        if (stopStrings.Count > 0)
            _certain += Add(characters, flush: false);
        else if (characters.Length > 0)
            _certain = string.Concat(_certain, characters);
        if (_certain.Length > certain)
            _certainTokens = _tokens.Count;
    }

    /// <summary>Gives the text that has become certain, if there is any.</summary>
    public bool TryTake(out TextPiece piece)
    {
        if (_certain.Length == 0)
        {
            piece = default;
            return false;
        }
        // What several tokens gave at once is what they give one by one. As an array: a list that an expression makes would be an object more.
        piece = new(_certain, CollectionsMarshal.AsSpan(_tokens)[.._certainTokens].ToArray());
        _certain = "";
        _tokens.RemoveRange(0, _certainTokens);
        return true;
    }

    /// <summary>Ends the text: gives what was held back, if there is any. An incomplete character at the end becomes U+FFFD.</summary>
    public bool TryFinish(out TextPiece piece)
    {
        piece = new(Stopped ? "" : Add(decoder.Finish(), flush: true), _tokens.ToArray());
        return !Stopped && (piece.Text.Length > 0 || piece.Tokens.Count > 0);
    }

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
