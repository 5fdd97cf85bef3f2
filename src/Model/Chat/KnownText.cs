using MeKi.Model.Tokenization;

namespace MeKi.Model.Chat;

/// <summary>A text and the tokens that were computed for it, which need not be those that it would be cut into.</summary>
/// <param name="Text">A prompt, or a prompt and its reply.</param>
/// <param name="Tokens">They spell just this text.</param>
internal sealed record KnownText(string Text, IReadOnlyList<int> Tokens)
{
    public static KnownText Empty { get; } = new("", []);

    public bool Begins(string text) => text.StartsWith(Text, StringComparison.Ordinal);

    /// <summary>A text that this one begins: only the rest of it is cut into tokens.</summary>
    public KnownText To(string text, Tokenizer tokenizer)
    {
        List<int> tokens = [.. Tokens];
        tokenizer.Encode(text.AsSpan(Text.Length), tokens, addSpecial: false);
        return new(text, tokens);
    }
}
