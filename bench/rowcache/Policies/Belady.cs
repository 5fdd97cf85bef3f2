namespace MeKi.RowCache.Policies;

/// <summary>Knows the future, and keeps what is used again soonest: no policy has more hits on the trace.</summary>
/// <remarks>
/// Source: Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966, algorithm MIN. It may decline to keep a
/// record, since others may: it must bound them too.
/// </remarks>
internal sealed class Belady : ICachePolicy
{
    private const int Never = int.MaxValue;

    private readonly int _slots;
    private readonly int[] _nextUse;
    private readonly int[] _residentUntil;
    private readonly PriorityQueue<int, int> _latestFirst = new();
    private int _resident;
    private int _at;

    /// <param name="slots">Records the cache holds.</param>
    /// <param name="vocabulary">Token ids.</param>
    /// <param name="trace">What will be accessed, in this order.</param>
    public Belady(int slots, int vocabulary, ReadOnlySpan<int> trace)
    {
        _slots = slots;
        // The position of a resident token's next use; 0 for others: no use is next at position 0.
        _residentUntil = new int[vocabulary];
        int[] next = new int[vocabulary];
        Array.Fill(next, Never);
        _nextUse = new int[trace.Length];
        for (int i = trace.Length - 1; i >= 0; i--)
            (_nextUse[i], next[trace[i]]) = (next[trace[i]], i);
    }

    public bool Access(int token)
    {
        int next = _nextUse[_at++];
        bool hit = _residentUntil[token] != 0;
        if (!hit && _resident == _slots)
        {
            // A token that was used meanwhile left an entry with an earlier time, which sinks: the first entry is always a true one.
            int latest = _latestFirst.Peek();
            if (_residentUntil[latest] <= next)
                return false;
            _latestFirst.Dequeue();
            _residentUntil[latest] = 0;
            _resident--;
        }
        if (!hit)
            _resident++;
        _residentUntil[token] = next;
        _latestFirst.Enqueue(token, -next);
        return hit;
    }
}
