using MeKi.Kernels;

namespace MeKi.Model.Sampling;

/// <summary>DRY: whatever would make a repeated sequence longer loses the more, the longer the sequence is.</summary>
internal sealed class DryPenalty(float multiplier, float growth, int allowed, int window, DryBreakers? breakers)
{
    // e^88 is about the largest float32.
    private const double LargestLog = 88;

    // For each place from the end, how many tokens before it are those before the end; for each token, the longest sequence that it would continue.
    private int[] _matches = [], _lengths = [];

    public bool IsOn => multiplier != 0 && window != 0;

    public void Apply(ref Candidates candidates, ReadOnlySpan<int> history, int vocabulary)
    {
        if (window >= 0 && history.Length > window)
            history = history[^window..];
        int limit = breakers?.TokensSince(history) ?? history.Length;
        if (history.Length <= allowed || limit < allowed)
            return;
        if (_lengths.Length < vocabulary)
            _lengths = new int[vocabulary];
        if (_matches.Length < history.Length)
            _matches = new int[Math.Max(2 * _matches.Length, history.Length + 256)];
        Match(history);
        for (int back = 1; back < history.Length; back++)
        {
            int length = Math.Min(_matches[back], limit), next = history[^back];
            // Without a sequence the length is 0, which is marked as 1.
            if (length >= allowed && (uint)next < (uint)vocabulary && breakers?.IsBreaker(next) != true)
                _lengths[next] = Math.Max(_lengths[next], length + 1);
        }
        Span<float> logits = candidates.Logits;
        ReadOnlySpan<int> tokens = candidates.Tokens;
        for (int i = 0; i < tokens.Length; i++)
        {
            if (_lengths[tokens[i]] > 0)
                logits[i] = Penalized(logits[i], _lengths[tokens[i]] - 1);
        }
        foreach (int token in history)
        {
            if ((uint)token >= (uint)vocabulary)
                continue;
            if (tokens.IsEmpty && _lengths[token] > 0)
                logits[token] = Penalized(logits[token], _lengths[token] - 1);
            _lengths[token] = 0;
        }
        candidates.Changed();
    }

    private float Penalized(float logit, int length)
    {
        double growing = Math.Min((length - allowed) * FixedMath.Log(growth), LargestLog);
        return logit == float.NegativeInfinity ? logit : Math.Max((float)(logit - multiplier * FixedMath.Exp(growing)), float.MinValue);
    }

    /// <summary>The Z-algorithm, from the end: what a matched sequence says of the places within it is not compared again.</summary>
    private void Match(ReadOnlySpan<int> history)
    {
        int left = 0, right = 0;
        for (int back = 1; back < history.Length; back++)
        {
            int length = back < right ? Math.Min(_matches[back - left], right - back) : 0;
            while (back + length < history.Length && history[^(1 + length)] == history[^(1 + back + length)])
                length++;
            _matches[back] = length;
            if (back + length > right)
                (left, right) = (back, back + length);
        }
    }
}
