using System.Text;
using System.Text.Json;

namespace MeKi.Model.Replies;

/// <summary>
/// Takes a model's reply apart while it streams: text, reasoning and tool calls. Text is given out until a marker becomes possible, a call when it is whole.
/// What only looks like a call stays text. A reply gives the same events however it is cut into pieces, but for where one event's text ends and the next one's
/// begins. Whitespace beside reasoning and calls belongs to the markup and is left out.
/// </summary>
public sealed class ReplyParser
{
    // A call in progress is read again when it may have ended; a short one always, to see early that it is none.
    private const int Short = 512;

    private readonly ReplyFormat _format;
    private readonly OfferedTools _tools;
    private readonly List<ReplyEvent> _events = [];
    private readonly StringBuilder _piece = new();
    private readonly FoundCalls _found = new();

    private char[] _text = new char[256];
    private int _start, _end;
    private bool _isThought, _mayHaveEnded;

    // What is held begins with the prompt's last marker, which is no text of the reply.
    private bool _isPrompted;

    // The reasoning in progress, its markers, and whether nothing of it has come yet.
    private ReasoningMarks? _reasoning;
    private ReplyMarkers? _opens, _closes;
    private bool _isBlank;

    // Nothing but whitespace has come since the beginning or since reasoning or a call; since reasoning or a call; since a call.
    private bool _isFresh = true, _isBehindMarkup, _isBehindCall;

    /// <summary>Begins a reply.</summary>
    /// <param name="format">How the model writes.</param>
    /// <param name="prompt">The prompt's text, or its end: where it has opened reasoning or a call, the reply begins within.</param>
    /// <param name="tools">The JSON schema of the parameters of each tool that the model was told of, by the tool's name. It gives arguments that come as bare
    /// text their types, and where no marker says what is a call, only these names do. Null where that is not known.</param>
    public ReplyParser(ReplyFormat format, string prompt = "", IReadOnlyDictionary<string, JsonElement>? tools = null)
    {
        ArgumentNullException.ThrowIfNull(format);
        ArgumentNullException.ThrowIfNull(prompt);
        (_format, _tools) = (format, new(tools));
        if (format.OpenAtEnd(prompt) is { } marks)
            Open(marks);
        else if (format.Calls?.Openers.FirstOrDefault(each => prompt.EndsWith(each, StringComparison.Ordinal)) is { } opener)
        {
            opener.CopyTo(_text);
            (_end, _isPrompted) = (opener.Length, true);
        }
    }

    /// <summary>Whether what has come so far ends within reasoning.</summary>
    internal bool IsWithinReasoning => _reasoning is not null;

    /// <summary>Adds a piece of the reply.</summary>
    /// <param name="piece">Any cut of the text.</param>
    /// <returns>What is certain now, possibly nothing; the list is the parser's own and changes with the next call.</returns>
    public IReadOnlyList<ReplyEvent> Append(ReadOnlySpan<char> piece)
    {
        if (_end + piece.Length > _text.Length)
        {
            char[] larger = _end - _start + piece.Length > _text.Length / 2 ? new char[Math.Max(2 * _text.Length, 2 * (_end - _start + piece.Length))] : _text;
            Held.CopyTo(larger);
            (_text, _start, _end) = (larger, 0, _end - _start);
        }
        piece.CopyTo(_text.AsSpan(_end));
        _end += piece.Length;
        _mayHaveEnded = Held.Length < Short || piece.ContainsAny(_format.Calls?.Ends);
        return Run(isWhole: false);
    }

    /// <summary>Ends the reply: gives out what was held back.</summary>
    /// <inheritdoc cref="Append" path="/returns"/>
    public IReadOnlyList<ReplyEvent> Complete() => Run(isWhole: true);

    private ReadOnlySpan<char> Held => _text.AsSpan(_start.._end);

    private List<ReplyEvent> Run(bool isWhole)
    {
        _events.Clear();
        while (_start < _end && (_reasoning is null ? Text(isWhole) : Reasoning(isWhole)))
        {
        }
        Flush();
        return _events;
    }

    /// <summary>Takes a step in the answer.</summary>
    /// <returns>Whether another may follow.</returns>
    private bool Text(bool isWhole)
    {
        if (_format.IsPlain)
        {
            Give(_end - _start, isThought: false);
            return false;
        }
        if (_isBehindMarkup)
            _start += Held.Length - Held.TrimStart(_isBehindCall ? _format.Calls!.Between : ReplySpace.Characters).Length;
        int at = Find(Held, isWhole, out ReplyMarker? marker);
        if (marker is null && at == Held.Length)
        {
            Give(isWhole ? at : at - ReplySpace.Trailing(Held), isThought: false);
            return false;
        }
        int space = ReplySpace.Trailing(Held[..at]);
        // Whitespace alone does not end the beginning.
        Give(at - space, isThought: false);
        return marker is not null && Marker(marker, space, isWhole);
    }

    private int Find(ReadOnlySpan<char> text, bool isWhole, out ReplyMarker? marker)
    {
        if (_isFresh)
        {
            int first = ReplySpace.Leading(text);
            if (first < text.Length && (_isBehindCall ? _format.StartsBehindCall : _format.Starts).Begins(text[first..], isWhole, out marker))
                return first;
        }
        return (_isBehindCall ? _format.MarkersBehindCall : _format.Markers).Find(text, isWhole, out marker);
    }

    /// <summary>Acts on a marker that stands at the beginning of what is held, behind some whitespace.</summary>
    private bool Marker(ReplyMarker marker, int space, bool isWhole)
    {
        if (marker.Kind != MarkerKind.Call)
        {
            _start += space + marker.Text.Length;
            if (marker.Reasoning is { } thoughts)
                Open(thoughts);
            return true;
        }
        if (!isWhole && !_mayHaveEnded)
            return false;
        ReplyCursor cursor = new(Held[space..], isWhole);
        _found.Clear();
        if (_format.Calls!.Read(ref cursor, _tools, _found))
        {
            Flush();
            _events.AddRange(_found.Calls);
            _start += space + cursor.Position;
            _isPrompted = false;
            (_isFresh, _isBehindMarkup, _isBehindCall) = (true, true, _isBehindCall || _found.Calls.Count > 0);
            if (_found.Reasoning is { } marks)
                Open(marks);
            return true;
        }
        if (cursor.IsIncomplete)
            return false;
        if (_isPrompted)
            _start += marker.Text.Length;
        else
            Give(space + marker.Text.Length, isThought: false);
        (_isPrompted, _isBehindCall) = (false, false);
        return true;
    }

    /// <summary>Takes a step in the reasoning.</summary>
    private bool Reasoning(bool isWhole)
    {
        if (_isBlank)
        {
            _start += ReplySpace.Leading(Held);
            // Some models open again what the prompt has opened.
            if (_opens!.Begins(Held, isWhole, out ReplyMarker? open))
            {
                _start += open?.Text.Length ?? 0;
                return open is not null;
            }
        }
        int at = _closes!.Find(Held, isWhole, out ReplyMarker? close);
        int space = ReplySpace.Trailing(Held[..at]);
        Give(at - space, isThought: true);
        if (close is null)
        {
            if (isWhole)
                _start = _end;
            return false;
        }
        _start += close.Kind == MarkerKind.Call ? space : space + close.Text.Length;
        (_reasoning, _isFresh, _isBehindMarkup) = (null, true, true);
        return true;
    }

    private void Open(ReasoningMarks marks)
    {
        if (_reasoning != marks)
        {
            _opens = new(marks.Opens.Select(open => new ReplyMarker(open, MarkerKind.Noise)));
            _closes = new([
                .. marks.Closes.Select(close => new ReplyMarker(close, MarkerKind.Noise)),
                .. (marks.HasCalls ? _format.Calls?.Openers ?? [] : []).Select(opener => new ReplyMarker(opener, MarkerKind.Call)),
            ]);
        }
        (_reasoning, _isBlank) = (marks, true);
    }

    /// <summary>Gives out the first characters of what is held.</summary>
    private void Give(int length, bool isThought)
    {
        if (length == 0)
            return;
        if (isThought != _isThought)
            Flush();
        _isThought = isThought;
        _piece.Append(Held[..length]);
        if (isThought)
            _isBlank = false;
        else if (ReplySpace.Leading(Held[..length]) < length)
            (_isFresh, _isBehindMarkup) = (false, false);
        _start += length;
    }

    private void Flush()
    {
        if (_piece.Length > 0)
            _events.Add(_isThought ? new ReplyReasoning(_piece.ToString()) : new ReplyText(_piece.ToString()));
        _piece.Clear();
    }
}
