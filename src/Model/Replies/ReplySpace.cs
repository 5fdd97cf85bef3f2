namespace MeKi.Model.Replies;

/// <summary>The whitespace that stands between the parts of a reply.</summary>
internal static class ReplySpace
{
    public const string Characters = " \n\r\t";

    public static int Leading(ReadOnlySpan<char> text)
    {
        int other = text.IndexOfAnyExcept(Characters);
        return other < 0 ? text.Length : other;
    }

    public static int Trailing(ReadOnlySpan<char> text) => text.Length - 1 - text.LastIndexOfAnyExcept(Characters);
}
