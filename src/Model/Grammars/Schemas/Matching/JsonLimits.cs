namespace MeKi.Model.Grammars.Schemas.Matching;

/// <summary>How JSON may be spelt.</summary>
/// <param name="MostDepth">The most levels of arrays and objects.</param>
/// <param name="IsPlain">Whether white space is short and numbers are plain, as masks offer them.</param>
internal sealed record JsonLimits(int MostDepth, bool IsPlain)
{
    /// <summary>What masks offer: what System.Text.Json reads with its default depth.</summary>
    public static JsonLimits Offered { get; } = new(64, IsPlain: true);

    /// <summary>What is accepted: all that JSON allows.</summary>
    public static JsonLimits Accepted { get; } = new(1000, IsPlain: false);
}

/// <summary>White space since the last token.</summary>
internal readonly record struct Blanks(byte Lines, ushort Spaces)
{
    private const int MostLines = 2, MostSpaces = 8, MostIndent = 16, IndentOfLevel = 8;

    /// <summary>Whether a byte is white space of JSON.</summary>
    public static bool IsBlank(byte value) => value is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t';

    /// <summary>With one more byte; null where that would be more than is offered.</summary>
    public Blanks? With(byte value, JsonLimits limits, int depth)
    {
        // What is accepted need not be counted.
        if (!limits.IsPlain)
            return this;
        Blanks next = value == '\n' ? new((byte)(Lines + 1), 0) : this with { Spaces = (ushort)(Spaces + 1) };
        int most = next.Lines > 0 ? MostIndent + IndentOfLevel * depth : MostSpaces;
        return next.Lines <= MostLines && next.Spaces <= most ? next : null;
    }
}
