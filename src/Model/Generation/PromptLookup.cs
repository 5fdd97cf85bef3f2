namespace MeKi.Model.Generation;

/// <summary>
/// Guesses the next tokens from the text so far: where its last tokens stood before, what followed them then may follow again. One pass computes the logits
/// behind all guesses, in less time than a pass for each. Guesses change no token, only the number of passes: each token is chosen from its own logits.
/// With no guesses a pass has the token that was chosen last, and nothing is looked up.
/// </summary>
internal sealed class PromptLookup
{
    // Two tokens in a row are looked up. Of the last few places where they stood, that of the longest past in common is taken.
    private const int MostPlaces = 16, LongestPast = 32;

    private readonly DraftBudget _budget;
    private readonly List<int> _tokens;
    private readonly List<int> _earlier = [];               // where the pair that ends at a token ended before; −1: nowhere
    private readonly Dictionary<(int, int), int> _pairs = [];
    private readonly int[] _batch;                          // of one pass: a token that was chosen, then guesses
    private int _count, _at = 1, _likely = -1;             // the latter: what one guess would be
    private bool _isComputed, _hasOthers;

    /// <param name="most">The most guesses for one pass.</param>
    /// <param name="prompt">The text so far, one token or more.</param>
    public PromptLookup(int most, ReadOnlySpan<int> prompt)
    {
        (_budget, _batch, _tokens) = (new(most), new int[most + 1], []);
        foreach (int token in prompt)
            Append(token);
    }

    /// <summary>The most tokens of a pass, and so the most rows of its logits.</summary>
    public int Rows => _batch.Length;

    /// <summary>The row of the logits that the next token is chosen from.</summary>
    public int Row => _isComputed ? _at - 1 : 0;

    /// <summary>The tokens of the next pass: the one chosen last, and guesses.</summary>
    public ReadOnlySpan<int> Batch => _batch.AsSpan(0, _count);

    /// <summary>Guesses whose logits are computed and whose turn has not come: the last tokens of the session.</summary>
    public int Ahead => _isComputed ? _count - _at : 0;

    /// <summary>Guesses made.</summary>
    public int Guessed { get; private set; }

    /// <summary>Guesses that were right.</summary>
    public int Right { get; private set; }

    /// <summary>Takes note of the token that was chosen.</summary>
    /// <returns>Whether it was guessed: then the logits behind it are there. If not, no other guess holds.</returns>
    public bool Take(int token)
    {
        bool isRight = Ahead > 0 && _batch[_at] == token;
        Append(token);
        if (isRight)
        {
            _at++;
            Right++;
        }
        else
        {
            if (_isComputed && _count > 1)
                _budget.Judge(_count - 1, _at - 1);
            else if (_isComputed && _likely >= 0)
                _budget.Watch(_likely == token);
            (_at, _isComputed) = (1, false);
        }
        return isRight;
    }

    /// <summary>Takes note of a token that was not chosen and goes through the next pass beside those of <see cref="Batch"/>, before them.</summary>
    public void Add(int token)
    {
        Append(token);
        _hasOthers = true;
    }

    /// <summary>Makes guesses for the next pass.</summary>
    /// <param name="most">The most that there is room for.</param>
    public void Guess(int most)
    {
        int past = 0, last = _tokens.Count - 1, place = most > 0 ? Find(out past) : -1;
        int guesses = place < 0 ? 0 : _budget.Guesses(past, most);
        _batch[0] = _tokens[last];
        _likely = place < 0 ? -1 : _tokens[place + 1];
        // What repeats itself goes on doing so.
        for (int i = 1; i <= guesses; i++)
            _batch[i] = place + i <= last ? _tokens[place + i] : _batch[place + i - last];
        Guessed += guesses;
        (_count, _at, _isComputed) = (guesses + 1, 1, false);
    }

    /// <summary>Takes note that the pass was computed.</summary>
    public void Computed(TimeSpan time)
    {
        if (!_hasOthers)
            _budget.Spend(_count - 1, time.TotalSeconds);
        (_isComputed, _hasOthers) = (true, false);
    }

    private void Append(int token)
    {
        if (Rows == 1)
            _tokens.Clear();
        _tokens.Add(token);
        if (Rows == 1)
            return;
        int last = _tokens.Count - 1, before = -1;
        if (last > 0)
        {
            (int, int) pair = (_tokens[last - 1], token);
            before = _pairs.GetValueOrDefault(pair, -1);
            _pairs[pair] = last;
        }
        _earlier.Add(before);
    }

    // Where the last tokens stood before; −1: nowhere.
    private int Find(out int past)
    {
        int last = _tokens.Count - 1, best = -1;
        past = 0;
        for (int place = _earlier[last], places = 0; place >= 0 && places < MostPlaces && past < LongestPast; place = _earlier[place], places++)
        {
            int length = 2;
            while (length < LongestPast && place >= length && _tokens[place - length] == _tokens[last - length])
                length++;
            if (length > past)
                (best, past) = (place, length);
        }
        return best;
    }
}
