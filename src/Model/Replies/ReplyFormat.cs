using MeKi.Model.Tokenization;

namespace MeKi.Model.Replies;

/// <summary>
/// How a model writes what is not its answer: the markers of reasoning and the syntax of tool calls. Models write them as their chat templates do, so the
/// template's text says which they are.
/// </summary>
public sealed class ReplyFormat
{
    private readonly ReasoningMarks[] _reasoning;
    private readonly string[] _noise;

    private ReplyFormat(string name, CallSyntax? calls, ReasoningMarks[] reasoning, string[] noise)
    {
        (Name, Calls, _reasoning, _noise) = (name, calls, reasoning, noise);
        ReplyMarker[] markers =
        [
            .. reasoning.SelectMany(marks => marks.Opens.Select(open => new ReplyMarker(open, MarkerKind.Reasoning, marks))),
            .. reasoning.SelectMany(marks => marks.Closes.Select(close => new ReplyMarker(close, MarkerKind.Noise))),
            .. (calls?.Openers ?? []).Select(opener => new ReplyMarker(opener, MarkerKind.Call)),
            .. noise.Select(each => new ReplyMarker(each, MarkerKind.Noise)),
        ];
        ReplyMarker[] closers = [.. (calls?.Closers ?? []).Select(closer => new ReplyMarker(closer, MarkerKind.Noise))];
        ReplyMarker[] start = [.. (calls?.StartOpeners ?? []).Select(opener => new ReplyMarker(opener, MarkerKind.Call))];
        ReplyMarker[] next = [.. (calls?.NextOpeners ?? []).Select(opener => new ReplyMarker(opener, MarkerKind.Call))];
        (Markers, MarkersBehindCall) = (new(markers), new([.. markers, .. closers]));
        (Starts, StartsBehindCall) = (new(start), new([.. start, .. next]));
        IsPlain = markers.Length == 0 && start.Length == 0;
    }

    /// <summary>A reply that is text and nothing else.</summary>
    public static ReplyFormat Plain { get; } = new("plain", null, [], []);

    /// <summary>The family that the tool calls are written for, such as <c>hermes</c>; <c>plain</c> where there are none.</summary>
    public string Name { get; }

    internal CallSyntax? Calls { get; }

    /// <summary>Whether the model marks reasoning.</summary>
    internal bool Reasons => _reasoning.Length > 0;

    internal IReadOnlyList<ReasoningMarks> Reasoning => _reasoning;

    internal bool IsPlain { get; }

    internal ReplyMarkers Markers { get; }

    internal ReplyMarkers MarkersBehindCall { get; }

    internal ReplyMarkers Starts { get; }

    internal ReplyMarkers StartsBehindCall { get; }

    /// <summary>The format that a chat template's text speaks of.</summary>
    /// <param name="template">The template, in Jinja; null for a model without one, which is spoken to in ChatML and understood as most such models write:
    /// <c>&lt;think&gt;</c> and <c>&lt;tool_call&gt;</c>.</param>
    public static ReplyFormat FromTemplate(string? template)
    {
        if (template is null)
            return new("hermes", ReplyFamilies.Hermes, [ReplyFamilies.Think], []);
        (string name, CallSyntax? calls) = ReplyFamilies.CallsOf(template);
        return new(name, calls, ReplyFamilies.ReasoningOf(template), ReplyFamilies.NoiseOf(template));
    }

    /// <summary>Whether a rendered prompt ends within reasoning: the template has opened it, and the reply begins with what was thought.</summary>
    public bool OpensReasoning(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return OpenAtEnd(prompt) is not null;
    }

    /// <summary>The same for a reply in which no call means anything.</summary>
    /// <remarks>Where calls and answers have one syntax, it stays.</remarks>
    internal ReplyFormat WithoutCalls() => Calls is null or { HasAnswers: true } ? this : new("plain", null, _reasoning, _noise);

    /// <summary>The control tokens that stand for markers: without their texts, a reply could not be taken apart.</summary>
    internal Dictionary<int, string> ControlTokens(Tokenizer tokenizer)
    {
        Dictionary<int, string> tokens = [];
        string[] texts = [.. _reasoning.SelectMany(marks => marks.Opens.Concat(marks.Closes)), .. Calls?.Markers ?? []];
        foreach (string marker in texts.SelectMany(text =>
            text.EndsWith('>') || text.EndsWith(']') ? [text] : new[] { text, text[..(text.LastIndexOf('>') + 1)] }))
        {
            if (marker.Length > 0 && tokenizer.TryGetId(marker, out int id) && tokenizer.KindOf(id) == TokenKind.Control && !tokenizer.IsEndOfText(id))
                tokens[id] = marker;
        }
        return tokens;
    }

    /// <summary>The reasoning that a prompt ends within.</summary>
    internal ReasoningMarks? OpenAtEnd(string prompt)
    {
        ReadOnlySpan<char> end = prompt.AsSpan()[..^ReplySpace.Trailing(prompt)];
        foreach (ReasoningMarks marks in _reasoning)
        {
            foreach (string open in marks.Opens)
            {
                if (end.EndsWith(open, StringComparison.Ordinal))
                    return marks;
            }
        }
        return null;
    }
}
