using System.Buffers;

namespace MeKi.Model.Replies;

internal enum MarkerKind
{
    Reasoning,
    Call,

    /// <summary>Nothing: what closes a call, what closes reasoning where none is open, what ends a turn.</summary>
    Noise,
}

/// <summary>A text that is not the reply's own.</summary>
/// <param name="Text">The marker.</param>
/// <param name="Kind">What it begins.</param>
/// <param name="Reasoning">The reasoning that it opens.</param>
internal sealed record ReplyMarker(string Text, MarkerKind Kind, ReasoningMarks? Reasoning = null);

/// <summary>Markers to look for.</summary>
internal sealed class ReplyMarkers(IEnumerable<ReplyMarker> markers)
{
    // The longest first: <|channel> begins <|channel>thought.
    private readonly ReplyMarker[] _markers = [.. markers.OrderByDescending(each => each.Text.Length)];
    private readonly SearchValues<char> _firsts = SearchValues.Create([.. markers.Select(each => each.Text[0]).Distinct()]);

    /// <summary>The first marker of a text, or what may become one.</summary>
    /// <param name="text">May end within a marker.</param>
    /// <param name="isWhole">Whether nothing follows the text.</param>
    /// <param name="marker">Null where it may become a marker, or where there is none.</param>
    /// <returns>Its place; the text's length where there is none.</returns>
    public int Find(ReadOnlySpan<char> text, bool isWhole, out ReplyMarker? marker)
    {
        for (int at = 0; at < text.Length; at++)
        {
            int next = text[at..].IndexOfAny(_firsts);
            if (next < 0)
                break;
            at += next;
            if (Begins(text[at..], isWhole, out marker))
                return at;
        }
        marker = null;
        return text.Length;
    }

    /// <summary>Whether a text begins with a marker, or (then there is none yet) may do so.</summary>
    public bool Begins(ReadOnlySpan<char> text, bool isWhole, out ReplyMarker? marker)
    {
        foreach (ReplyMarker each in _markers)
        {
            if (text.StartsWith(each.Text, StringComparison.Ordinal))
            {
                marker = each;
                return true;
            }
            if (!isWhole && text.Length < each.Text.Length && each.Text.StartsWith(text, StringComparison.Ordinal))
            {
                marker = null;
                return true;
            }
        }
        marker = null;
        return false;
    }
}
