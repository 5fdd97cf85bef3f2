using System.Numerics.Tensors;
using MeKi.Kernels;

namespace MeKi.Model.Sampling;

/// <summary>
/// Chooses the next token from logits: a chain of samplers over candidates. One instance per generation: it keeps the random numbers' and Mirostat's state, and
/// what choosing needs, so that a token allocates nothing.
/// </summary>
internal sealed class TokenSampler
{
    /// <summary>What it says where a caller's biases, alone or with his grammar, leave nothing.</summary>
    public const string NoTokenLeft = "No token is left to choose from: all are forbidden by a mask or a bias, or have no probability.";

    private readonly SamplerKind[] _order;
    private readonly RepetitionPenalties _penalties;
    private readonly DryPenalty _dry;
    private readonly KeyValuePair<int, float>[] _biases;
    private readonly float _temperature, _range, _exponent, _topP, _minP, _typicalP, _nSigma, _xtcProbability, _xtcThreshold;
    private readonly double _tau, _eta;
    private readonly int _topK;
    private readonly float _cap;
    private readonly bool _isMirostat;
    private readonly Random _random;
    private readonly CandidateBuffers _buffers = new();

    // The most surprise, in bits, that Mirostat lets through.
    private double _mu;

    /// <param name="options">How to choose; what they leave open is as llama.cpp has it.</param>
    /// <param name="breakers">The sequence breakers of DRY in the tokenizer's tokens; without them a sequence may reach over anything.</param>
    /// <param name="cap">The model's soft cap; 0 where it has none.</param>
    public TokenSampler(SamplingOptions options, DryBreakers? breakers = null, float cap = 0)
    {
        _order = [.. (options.Samplers ?? SamplingOptions.DefaultSamplers).Select(name => SamplerNames.TryParse(name, out SamplerKind kind) ? kind : default)];
        _penalties = new(options.RepetitionPenalty ?? 1, options.FrequencyPenalty ?? 0, options.PresencePenalty ?? 0, options.PenaltyWindow ?? 64);
        _dry = new(
            options.DryMultiplier ?? 0, options.DryBase ?? 1.75f, options.DryAllowedLength ?? 2, options.DryWindow ?? -1, breakers);
        _biases = [.. options.LogitBias ?? new Dictionary<int, float>()];
        (_temperature, _range, _exponent) = (options.Temperature ?? 0.8f, options.DynamicTemperatureRange ?? 0, options.DynamicTemperatureExponent ?? 1);
        (_topK, _topP, _minP) = (options.TopK ?? 40, options.TopP ?? 0.95f, options.MinP ?? 0.05f);
        (_typicalP, _nSigma) = (options.TypicalP ?? 1, options.TopNSigma ?? 0);
        (_xtcProbability, _xtcThreshold) = (options.XtcProbability ?? 0, options.XtcThreshold ?? 0.1f);
        (_isMirostat, _tau, _eta) = (options.Mirostat ?? false, options.MirostatTau ?? 5, options.MirostatEta ?? 0.1f);
        _mu = 2 * _tau;
        TakesUncapped = _biases.All(bias => bias.Value == float.NegativeInfinity) && !_penalties.IsOn && !_dry.IsOn && (_temperature == 0 || BeginsWithTopK());
        _cap = cap;
        _random = options.Seed is { } seed ? new(seed) : new();
    }

    /// <summary>Whether the order of the logits is enough, and the likeliest are capped here: the choice is the same.</summary>
    public bool TakesUncapped { get; }

    /// <summary>Chooses a token.</summary>
    /// <param name="logits">The last position's, [V]; changed.</param>
    /// <param name="history">The tokens so far, those of the prompt first.</param>
    /// <param name="allowed">A bit for each token that may be chosen, the lowest first; empty allows all.</param>
    /// <param name="isCapped">Whether the logits have the model's soft cap; must be where not <see cref="TakesUncapped"/>.</param>
    /// <exception cref="InvalidLogitsException">The logits hold a NaN or an infinity, or all are −∞: no choice would mean anything.</exception>
    /// <exception cref="InvalidOperationException">The mask or the biases leave no token.</exception>
    public int Sample(Span<float> logits, ReadOnlySpan<int> history, ReadOnlySpan<ulong> allowed = default, bool isCapped = true)
    {
        float max = TensorPrimitives.Max<float>(logits);
        if (!float.IsFinite(max))
            throw new InvalidLogitsException(max);
        if (!allowed.IsEmpty || _biases.Length > 0)
        {
            Forbid(logits, allowed);
            AddBiases(logits);
            max = TensorPrimitives.Max<float>(logits);
            if (max == float.NegativeInfinity)
                throw new InvalidOperationException(NoTokenLeft);
        }
        Candidates candidates = new(_buffers, logits, max);
        if (_cap > 0 && !isCapped)
            candidates.Cap(_cap, _temperature == 0 ? 1 : _topK);
        bool isGreedy = _temperature == 0, isReduced = isGreedy || _isMirostat;
        foreach (SamplerKind kind in _order)
        {
            if (isReduced && kind is not (SamplerKind.Penalties or SamplerKind.Dry or SamplerKind.Temperature))
                continue;
            Apply(kind, ref candidates, history, logits.Length);
        }
        if (isGreedy)
            return candidates.Token(candidates.Likeliest());
        if (_isMirostat)
            candidates.AtMostSurprise(_mu);
        int token = candidates.Draw(_random.NextDouble(), out double probability);
        if (_isMirostat)
            _mu -= _eta * (-FixedMath.Log(Math.Max(probability, 1e-300)) / FixedMath.Log(2) - _tau);
        return token;
    }

    // Whether the first sampler that does anything leaves k tokens.
    private bool BeginsWithTopK()
    {
        foreach (SamplerKind kind in _isMirostat ? [] : _order)
        {
            if (kind == SamplerKind.TopK && _topK > 0)
                return true;
            bool isOff = kind switch
            {
                SamplerKind.Penalties or SamplerKind.Dry or SamplerKind.TopK => true,
                SamplerKind.TopNSigma => _nSigma == 0,
                SamplerKind.Typical => _typicalP >= 1,
                SamplerKind.TopP => _topP >= 1,
                SamplerKind.MinP => _minP == 0,
                SamplerKind.Xtc => _xtcProbability <= 0 || _xtcThreshold > 0.5f,
                _ => _temperature == 1 && _range == 0,
            };
            if (!isOff)
                return false;
        }
        return false;
    }

    private void Apply(SamplerKind kind, ref Candidates candidates, ReadOnlySpan<int> history, int vocabulary)
    {
        switch (kind)
        {
            case SamplerKind.Penalties when _penalties.IsOn:
                _penalties.Apply(ref candidates, history, vocabulary);
                break;
            case SamplerKind.Dry when _dry.IsOn:
                _dry.Apply(ref candidates, history, vocabulary);
                break;
            case SamplerKind.TopNSigma:
                candidates.TopNSigma(_nSigma);
                break;
            case SamplerKind.TopK:
                candidates.TopK(_topK);
                break;
            case SamplerKind.Typical:
                candidates.Typical(_typicalP);
                break;
            case SamplerKind.TopP:
                candidates.TopP(_topP);
                break;
            case SamplerKind.MinP:
                candidates.MinP(_minP);
                break;
            case SamplerKind.Xtc when _xtcProbability > 0 && _xtcThreshold <= 0.5f && candidates.Count > 1 && _random.NextDouble() < _xtcProbability:
                candidates.Xtc(_xtcThreshold);
                break;
            case SamplerKind.Temperature when _temperature > 0 && (_temperature != 1 || _range > 0):
                candidates.Temperature(_temperature, _range, _exponent);
                break;
        }
    }

    private static void Forbid(Span<float> logits, ReadOnlySpan<ulong> allowed)
    {
        const int Bits = 64;
        for (int first = 0; !allowed.IsEmpty && first < logits.Length; first += Bits)
        {
            ulong bits = first / Bits < allowed.Length ? allowed[first / Bits] : 0;
            Span<float> some = logits.Slice(first, Math.Min(Bits, logits.Length - first));
            if (bits == 0)
                some.Fill(float.NegativeInfinity);
            for (int i = 0; bits != 0 && bits != ulong.MaxValue && i < some.Length; i++)
            {
                if ((bits >> i & 1) == 0)
                    some[i] = float.NegativeInfinity;
            }
        }
    }

    private void AddBiases(Span<float> logits)
    {
        foreach ((int token, float bias) in _biases)
        {
            if (token >= logits.Length)
                throw new InvalidOperationException($"A logit bias is for token {token}; the vocabulary has {logits.Length}.");
            if (bias == float.NegativeInfinity)
                logits[token] = bias;
            else if (logits[token] != float.NegativeInfinity)
                logits[token] = Math.Clamp(logits[token] + bias, float.MinValue, float.MaxValue);
        }
    }
}
