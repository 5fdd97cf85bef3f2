using MeKi.Model.Grammars;
using MeKi.Model.Sampling;

namespace MeKi.Model.Generation;

/// <summary>Chooses a generation's tokens: log-probabilities as the model gives them, the caller's processor, the samplers.</summary>
internal sealed class TokenChoice
{
    private readonly GenerationOptions _options;
    private readonly int _vocabulary;
    private readonly TokenSampler _sampler;
    private readonly TokenDistribution? _distribution;
    private readonly TokenConstraint? _constraint;
    private readonly ulong[] _allowed;
    private bool _isReady;
    private int _only;

    /// <param name="options">How.</param>
    /// <param name="model">The model, which has a tokenizer; its files say what the options leave open.</param>
    public TokenChoice(GenerationOptions options, LoadedModel model)
    {
        SamplingOptions sampling = options.Over(model.Sampling);
        // Logits beyond the tokenizer's tokens are padding: no token has them.
        (_options, _vocabulary) = (options, model.RequiredTokenizer.VocabularySize);
        _sampler = new(sampling, sampling.DryMultiplier > 0 ? new(model.RequiredTokenizer, sampling.DrySequenceBreakers) : null, model.Config.LogitCap);
        TakesUncapped = options.LogProbabilities is null && options.LogitsProcessor is null && _sampler.TakesUncapped;
        _distribution = options.LogProbabilities is null ? null : new(_vocabulary);
        _constraint = options.Grammar?.Start(model.RequiredTokenizer, options.ShownTokens);
        _allowed = new ulong[_constraint?.Words ?? 0];
    }

    /// <summary>Whether <see cref="Prepare"/> has something to find.</summary>
    public bool LacksMask => _constraint is not null && !_isReady;

    /// <summary>Whether logits may come without the model's soft cap: their order tells enough.</summary>
    public bool TakesUncapped { get; }

    /// <summary>Chooses the next token.</summary>
    /// <param name="tokens">The session's so far.</param>
    /// <param name="logits">[V]; changed.</param>
    /// <param name="left">How many tokens there may still be, this one included.</param>
    /// <param name="isCapped">Whether the logits have the model's soft cap.</param>
    /// <exception cref="InvalidLogitsException">The logits hold a NaN or an infinity, or all are −∞.</exception>
    public int Next(ReadOnlySpan<int> tokens, Span<float> logits, int left, bool isCapped)
    {
        logits = logits[.._vocabulary];
        _distribution?.Set(logits);
        _options.LogitsProcessor?.Invoke(tokens, logits);
        if (!_isReady)
            Prepare(left);
        _isReady = false;
        int token = _only >= 0 ? _only : _sampler.Sample(logits, tokens, _allowed, isCapped);
        _constraint?.Accept(token);
        return token;
    }

    /// <summary>Finds early, while a pass computes the logits, which tokens a grammar allows next.</summary>
    /// <param name="left">How many there may still be.</param>
    public void Prepare(int left)
    {
        _only = _constraint?.Mask(_allowed, left) ?? -1;
        _isReady = true;
    }

    /// <summary>
    /// Takes the token that a grammar leaves no choice about: its logits are not needed. There is none where log-probabilities or the caller's processor ask
    /// for the logits of each token.
    /// </summary>
    /// <param name="left">How many tokens there may still be, this one included.</param>
    /// <param name="token">The token.</param>
    public bool TryForce(int left, out int token)
    {
        token = -1;
        if (_constraint is null || _distribution is not null || _options.LogitsProcessor is not null || !_constraint.HasOneWay())
            return false;
        Prepare(left);
        if (_only < 0)
            return false;
        (token, _isReady) = (_only, false);
        return _constraint.Accept(token);
    }

    /// <summary>What is known of the token that was chosen.</summary>
    public GeneratedToken Describe(int token) => _distribution is null ? new(token, null, [])
        : new(token, _distribution.LogProbability(token), _distribution.Top(_options.LogProbabilities ?? 0));
}
