namespace MeKi.Model.Tokenization;

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
