namespace MeKi.Model.Generation;

/// <summary>Chooses a generation's tokens: log-probabilities as the model gives them, the caller's processor, the sampler.</summary>
/// <param name="options">How.</param>
/// <param name="vocabulary">Tokens of the tokenizer: logits beyond it are padding, and no token has them.</param>
internal sealed class TokenChoice(GenerationOptions options, int vocabulary)
{
    private readonly Sampler _sampler = new(options);
    private readonly TokenDistribution? _distribution = options.LogProbabilities is null ? null : new(vocabulary);

    /// <summary>Takes note of a token of the prompt.</summary>
    public void Accept(int token) => _sampler.Accept(token);

    /// <summary>Chooses the next token.</summary>
    /// <param name="tokens">The session's so far.</param>
    /// <param name="logits">[V]; changed.</param>
    /// <exception cref="InvalidLogitsException">The logits hold a NaN or an infinity, or all are −∞.</exception>
    public int Next(ReadOnlySpan<int> tokens, Span<float> logits)
    {
        logits = logits[..vocabulary];
        _distribution?.Set(logits);
        options.LogitsProcessor?.Invoke(tokens, logits);
        return _sampler.Sample(logits);
    }

    /// <summary>Takes note of the token that was chosen, and gives what is known of it.</summary>
    public GeneratedToken Accepted(int token)
    {
        _sampler.Accept(token);
        return _distribution is null ? new(token, null, []) : new(token, _distribution.LogProbability(token), _distribution.Top(options.LogProbabilities ?? 0));
    }
}
