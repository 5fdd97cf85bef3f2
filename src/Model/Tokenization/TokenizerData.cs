namespace MeKi.Model.Tokenization;

/// <summary>What a byte-level BPE tokenizer consists of, wherever it was read from: <c>tokenizer.json</c> or GGUF metadata.</summary>
public sealed record TokenizerData
{
    /// <summary>Token texts by id, in byte-level characters (GPT-2's byte-to-Unicode map) for ordinary tokens, plain text for added ones.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>What each token is, by id; same length as <see cref="Tokens"/>.</summary>
    public required IReadOnlyList<TokenKind> Kinds { get; init; }

    /// <summary>Merges in order of rank, each the two parts as they stand in <see cref="Tokens"/>.</summary>
    public required IReadOnlyList<(string Left, string Right)> Merges { get; init; }

    /// <summary>Regular expressions that split the text before merging, applied one after the other; matches and the gaps between them are both kept.</summary>
    public required IReadOnlyList<string> SplitPatterns { get; init; }

    /// <summary>Whether text is brought to Unicode normalisation form C first.</summary>
    public bool NormalizeNfc { get; init; }

    /// <summary>Whether a split piece that is itself a token is taken whole, before any merge (Llama 3).</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>Beginning-of-sequence token id, if the model has one.</summary>
    public int? BosId { get; init; }

    /// <summary>Whether <see cref="BosId"/> starts every sequence.</summary>
    public bool AddBos { get; init; }

    /// <summary>Tokens that end a generation.</summary>
    public IReadOnlyList<int> EosIds { get; init; } = [];
}

/// <summary>The kinds of token that GGUF's <c>tokenizer.ggml.token_type</c> knows (its values).</summary>
public enum TokenKind : byte
{
    /// <summary>An ordinary token.</summary>
    Normal = 1,

    /// <summary>The unknown token.</summary>
    Unknown = 2,

    /// <summary>A control token: never produced by text, not shown when decoded.</summary>
    Control = 3,

    /// <summary>An added token that stands for its own text.</summary>
    UserDefined = 4,

    /// <summary>A row of the vocabulary that no text uses.</summary>
    Unused = 5,

    /// <summary>A single byte.</summary>
    Byte = 6,
}
