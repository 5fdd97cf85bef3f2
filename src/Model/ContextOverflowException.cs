namespace MeKi.Model;

/// <summary>More tokens were given than the model's context has room for. The session is unchanged.</summary>
/// <param name="tokens">Tokens that were to be appended.</param>
/// <param name="position">Tokens in the session already.</param>
/// <param name="contextLength">Positions the model has.</param>
public sealed class ContextOverflowException(int tokens, int position, int contextLength)
    : Exception($"{tokens} tokens do not fit: {position} of the context's {contextLength} positions are taken. Shorten the prompt or start a new session.")
{
    /// <summary>Tokens that were to be appended.</summary>
    public int Tokens => tokens;

    /// <summary>Tokens in the session already.</summary>
    public int Position => position;

    /// <summary>Positions the model has.</summary>
    public int ContextLength => contextLength;
}
