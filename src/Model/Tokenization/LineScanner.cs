namespace MeKi.Model.Tokenization;

/// <summary><c>[^\n]+|[\n]+</c>: lines and runs of line feeds.</summary>
internal sealed class LineScanner : SplitScanner
{
    public override int Find(ReadOnlySpan<char> text, int from, out int length)
    {
        ReadOnlySpan<char> rest = text[from..];
        int end = rest[0] == '\n' ? rest.IndexOfAnyExcept('\n') : rest.IndexOf('\n');
        length = end < 0 ? rest.Length : end;
        return from;
    }
}
