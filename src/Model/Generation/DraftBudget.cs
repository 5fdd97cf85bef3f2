using System.Numerics;

namespace MeKi.Model.Generation;

/// <summary>
/// How many guesses a pass should take: as many as are expected to save the most time, by how often such guesses are right and how long such passes take. What
/// wrong guesses may cost is an account that a small share of all time flows into, so that a text without repetitions is hardly slower.
/// </summary>
/// <param name="most">The most guesses for one pass.</param>
internal sealed class DraftBudget(int most)
{
    // Of all time; and, in passes of one token, what the account begins with and what it never exceeds.
    private const double Share = 0.02, Beginning = 3.2, Ceiling = 6;

    // What the first guess and each guess add to a pass of one token, as long as nothing was measured; and how fast newer figures replace older ones.
    private const double Batch = 1.25, Guess = 0.25, Rate = 1.0 / 8;

    // Seconds of passes by their guesses; 0: none yet.
    private readonly double[] _cost = new double[most + 1];

    // How often a guess is right, by the tokens in common: 2 and 3, 4 to 7, 8 to 15, more.
    private readonly double[] _right = [0.3, 0.5, 0.7, 0.85];
    private double _account = Beginning;
    private int _kind;

    /// <summary>How many guesses the next pass should take.</summary>
    /// <param name="past">How many tokens the two places have in common, 2 or more.</param>
    /// <param name="room">The most that it may.</param>
    public int Guesses(int past, int room)
    {
        _kind = Math.Clamp(BitOperations.Log2((uint)past) - 1, 0, _right.Length - 1);
        double saved = 0, chance = 1, best = 0;
        int guesses = 0;
        for (int n = 1; n <= room && _cost[0] > 0; n++)
        {
            chance *= _right[_kind];
            saved += chance;
            double loss = Cost(n) / _cost[0] - 1;
            if (loss <= _account && saved - loss > best)
                (guesses, best) = (n, saved - loss);
        }
        return guesses;
    }

    /// <summary>Takes note of what a pass cost.</summary>
    public void Spend(int guesses, double seconds)
    {
        // Something else may have run meanwhile.
        if (Cost(guesses) is > 0 and var expected)
            seconds = Math.Min(seconds, 2 * expected);
        double known = _cost[guesses];
        _cost[guesses] = known == 0 ? seconds : known + (seconds - known) * Rate;
        if (_cost[0] > 0)
            Add((guesses > 0 ? 1 - seconds / _cost[0] : 0) + Share * seconds / _cost[0]);
    }

    /// <summary>Takes note of how many of a pass's guesses were right.</summary>
    public void Judge(int guesses, int right)
    {
        Add(right);
        for (int i = 0; i < right; i++)
            Watch(true);
        if (right < guesses)
            Watch(false);
    }

    /// <summary>Takes note of whether a guess was, or would have been, right.</summary>
    public void Watch(bool isRight) => _right[_kind] += ((isRight ? 1 : 0) - _right[_kind]) * Rate;

    private void Add(double passes) => _account = Math.Min(_account + passes, Ceiling);

    // What was never tried lies on the line between its neighbours that were.
    private double Cost(int guesses)
    {
        int less = guesses, more = guesses;
        while (less > 0 && _cost[less] == 0)
            less--;
        while (more < _cost.Length && _cost[more] == 0)
            more++;
        if (more < _cost.Length)
            return less == more ? _cost[less] : _cost[less] + (_cost[more] - _cost[less]) * (guesses - less) / (more - less);
        return _cost[less] + _cost[0] * ((less == 0 && guesses > 0 ? Batch : 0) + Guess * (guesses - less));
    }
}
