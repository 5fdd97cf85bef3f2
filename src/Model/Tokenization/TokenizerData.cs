namespace MeKi.Model.Tokenization;

/// <summary>What a tokenizer of any family consists of, wherever it was read from: <c>tokenizer.json</c> or GGUF metadata.</summary>
internal abstract record TokenizerData
{
    /// <summary>Token texts by id, as the family spells them.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>What each token is, by id; same length as <see cref="Tokens"/>.</summary>
    public required IReadOnlyList<TokenKind> Kinds { get; init; }

    /// <summary>Regular expressions that split the text before merging, applied one after the other; matches and the gaps between them are both kept.</summary>
    public IReadOnlyList<string> SplitPatterns { get; init; } = [];

    /// <summary>Whether text is brought to Unicode normalisation form C first.</summary>
    public bool NormalizeNfc { get; init; }

    /// <summary>Whether a split piece that is itself a token is taken whole, before any merge (Llama 3).</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>The token that begins a text, if the model has one.</summary>
    public int? BosId { get; init; }

    /// <summary>Whether <see cref="BosId"/> begins every text.</summary>
    public bool AddBos { get; init; }

    /// <summary>The token that stands behind every text that becomes an embedding; null for none.</summary>
    public int? AppendedId { get; init; }

    /// <summary>Tokens that end a text, the principal one first.</summary>
    public IReadOnlyList<int> EosIds { get; init; } = [];

    /// <summary>Tokens that the model must not choose.</summary>
    public IReadOnlyList<int> SuppressedIds { get; init; } = [];

    /// <summary>Added tokens that take the white space before them.</summary>
    public IReadOnlyList<int> LeftStrippingIds { get; init; } = [];

    /// <summary>Added tokens that take the white space behind them (Phi 3).</summary>
    public IReadOnlyList<int> RightStrippingIds { get; init; } = [];
}
