namespace MeKi.Model.Sampling;

/// <summary>The penalties on tokens that stand among the last ones: repetition, frequency, presence.</summary>
internal sealed class RepetitionPenalties(float repetition, float frequency, float presence, int window)
{
    // How often each token stands in the window; all zero between calls.
    private int[] _counts = [];

    public bool IsOn => window != 0 && (repetition != 1 || frequency != 0 || presence != 0);

    public void Apply(ref Candidates candidates, ReadOnlySpan<int> history, int vocabulary)
    {
        if (window >= 0 && history.Length > window)
            history = history[^window..];
        if (_counts.Length < vocabulary)
            _counts = new int[vocabulary];
        foreach (int token in history)
        {
            // A session may hold tokens that no logit belongs to.
            if ((uint)token < (uint)vocabulary)
                _counts[token]++;
        }
        Span<float> logits = candidates.Logits;
        ReadOnlySpan<int> tokens = candidates.Tokens;
        for (int i = 0; i < tokens.Length; i++)
        {
            if (_counts[tokens[i]] > 0)
                logits[i] = Penalized(logits[i], _counts[tokens[i]]);
        }
        foreach (int token in history)
        {
            if ((uint)token >= (uint)vocabulary)
                continue;
            if (tokens.IsEmpty && _counts[token] > 0)
                logits[token] = Penalized(logits[token], _counts[token]);
            _counts[token] = 0;
        }
        candidates.Changed();
    }

    private float Penalized(float logit, int count)
    {
        if (logit == float.NegativeInfinity)
            return logit;
        if (repetition != 1)
            logit = logit > 0 ? logit / repetition : logit * repetition;
        if (frequency != 0 || presence != 0)
            logit -= count * frequency + presence;
        // Finite logits stay finite.
        return Math.Clamp(logit, float.MinValue, float.MaxValue);
    }
}
