namespace MeKi.Model.Tokenization;

/// <summary>
/// What a tokenizer over characters consists of, as SentencePiece trains them: spaces are U+2581 in its tokens, and a character that has none is spelt by
/// byte tokens <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c> or is the unknown token. Pairs merge by rank or by score.
/// </summary>
internal sealed record SentencePieceData : TokenizerData
{
    /// <summary>Stands for a space.</summary>
    public const char Space = '\u2581';

    /// <summary>The way of splitting of Gemma 4, in which no token crosses the end of a line.</summary>
    public const string Lines = @"[^\n]+|[\n]+";

    /// <summary>Merges in order of rank; null where <see cref="Scores"/> rule.</summary>
    public IReadOnlyList<(string Left, string Right)>? Merges { get; init; }

    /// <summary>A score for each token: of all pairs whose text is a token, the one of the highest score merges first. Null where there are merges.</summary>
    public float[]? Scores { get; init; }

    /// <summary>Where a space is put before the text.</summary>
    public SpacePrefix Prefix { get; init; }

    /// <summary>Whether spaces at both ends of a text go, and of several in a row all but one.</summary>
    public bool RemovesExtraSpaces { get; init; }

    /// <summary>Whether every space begins a piece that merges on its own.</summary>
    public bool SplitsWords { get; init; }

    /// <summary>Whether a run of line feeds that is a token is taken whole, before any merge (Gemma 4).</summary>
    public bool TakesLineFeedsWhole { get; init; }

    /// <summary>Stands for a character that has neither a token nor byte tokens.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Whether unknown characters in a row are one token.</summary>
    public bool FusesUnknown { get; init; }
}

/// <summary>Where a space is put before the text: the names are those of our key in GGUF.</summary>
internal enum SpacePrefix
{
    /// <summary>Nowhere.</summary>
    Never,

    /// <summary>Before the text and behind each added token in it.</summary>
    Always,

    /// <summary>The same, but not where there is a space already.</summary>
    Missing,

    /// <summary>Before the text, where there is no space already.</summary>
    First,
}
