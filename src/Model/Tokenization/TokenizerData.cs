namespace MeKi.Model.Tokenization;

/// <summary>What a tokenizer of any family consists of, wherever it was read from: <c>tokenizer.json</c> or GGUF metadata.</summary>
internal abstract record TokenizerData
{
    /// <summary>Token texts by id, as the family spells them.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>What each token is, by id; same length as <see cref="Tokens"/>.</summary>
    public required IReadOnlyList<TokenKind> Kinds { get; init; }

    /// <summary>The token that begins a text, if the model has one.</summary>
    public int? BosId { get; init; }

    /// <summary>Whether <see cref="BosId"/> begins every text.</summary>
    public bool AddBos { get; init; }

    /// <summary>Tokens that end a text, the principal one first.</summary>
    public IReadOnlyList<int> EosIds { get; init; } = [];
}
