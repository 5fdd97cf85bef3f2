namespace MeKi.Model.Generation;

/// <summary>A piece of generated text: whole characters. It is its text wherever a string is wanted.</summary>
/// <param name="Text">The text; empty only at the end, for tokens that have none.</param>
/// <param name="Tokens">The tokens generated since the piece before: those that its text completes, and those behind a text that is held back because it may
/// become a stop string.</param>
public readonly record struct TextPiece(string Text, IReadOnlyList<GeneratedToken> Tokens)
{
    /// <summary>The text.</summary>
    public static implicit operator string(TextPiece piece) => piece.Text;

    /// <summary>The text.</summary>
    public override string ToString() => Text;
}

/// <summary>A token that was generated.</summary>
/// <param name="Id">Its id.</param>
/// <param name="LogProbability">Natural logarithm of the probability that the model gave it; null unless <see cref="GenerationOptions.LogProbabilities"/> asks
/// for it.</param>
/// <param name="Likeliest">The likeliest tokens at its place, the likeliest first, as many as were asked for.</param>
public readonly record struct GeneratedToken(int Id, double? LogProbability, IReadOnlyList<TokenProbability> Likeliest);

/// <summary>A token that could have been generated.</summary>
/// <param name="Id">Its id.</param>
/// <param name="LogProbability">Natural logarithm of its probability.</param>
public readonly record struct TokenProbability(int Id, double LogProbability);
