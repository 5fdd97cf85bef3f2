namespace MeKi.Model.Grammars.Masks;

/// <summary>Tokens: the few by their numbers, the many as bits.</summary>
internal readonly struct TokenSet
{
    private readonly int[] _few;
    private readonly ulong[]? _bits;

    private TokenSet(int[] few, ulong[]? bits) => (_few, _bits) = (few, bits);

    /// <summary>Makes a set.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="words">Words of a mask.</param>
    public static TokenSet Of(List<int> tokens, int words)
    {
        if (tokens.Count <= words / 2)
            return new([.. tokens], null);
        ulong[] bits = new ulong[words];
        foreach (int token in tokens)
            bits[token >> 6] |= 1UL << (token & 63);
        return new([], bits);
    }

    /// <summary>Adds them to a list.</summary>
    public void AddTo(List<int> tokens)
    {
        tokens.AddRange(_few);
        for (int i = 0; i < _bits?.Length; i++)
        {
            for (ulong word = _bits[i]; word != 0; word &= word - 1)
                tokens.Add(i * 64 + System.Numerics.BitOperations.TrailingZeroCount(word));
        }
    }

    /// <summary>Whether it has a token beside some.</summary>
    public bool HasOther(ulong[] than)
    {
        for (int i = 0; i < _bits?.Length; i++)
        {
            if ((_bits[i] & ~than[i]) != 0)
                return true;
        }
        return Array.Exists(_few, token => (than[token >> 6] >> token & 1) == 0);
    }

    /// <summary>Adds them to a mask.</summary>
    /// <param name="mask">The mask.</param>
    /// <param name="except">Tokens that are left out.</param>
    public void AddTo(ulong[] mask, ulong[]? except = null)
    {
        for (int i = 0; i < _bits?.Length; i++)
            mask[i] |= except is null ? _bits[i] : _bits[i] & ~except[i];
        foreach (int token in _few)
        {
            if (except is null || (except[token >> 6] >> token & 1) == 0)
                mask[token >> 6] |= 1UL << token;
        }
    }
}
