namespace MeKi.RowCache.Policies;

/// <summary>Holds the same tokens for ever: what a set chosen beforehand would give.</summary>
internal sealed class Pinned : ICachePolicy
{
    private readonly bool[] _isPinned;

    /// <param name="slots">Tokens it holds.</param>
    /// <param name="vocabulary">Token ids.</param>
    /// <param name="order">Tokens by descending merit.</param>
    public Pinned(int slots, int vocabulary, ReadOnlySpan<int> order)
    {
        _isPinned = new bool[vocabulary];
        foreach (int token in order[..Math.Min(slots, order.Length)])
            _isPinned[token] = true;
    }

    public bool Access(int token) => _isPinned[token];
}
