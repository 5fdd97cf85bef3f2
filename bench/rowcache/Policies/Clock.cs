namespace MeKi.RowCache.Policies;

/// <summary>
/// Slots in a ring, each with a count of uses. A hit raises the count; the hand, in search of a victim, lowers every count it passes and takes the first slot
/// that has none left.
/// </summary>
/// <remarks>
/// Sources: Corbató, "A paging experiment with the Multics system", 1968 (a count of at most 1); Smith, "Sequentiality and prefetching in database systems",
/// ACM TODS 3(3), 1978 (more: GCLOCK). A record arrives with no uses: one that is never used again leaves within a turn of the hand.
/// </remarks>
/// <param name="slots">Records the cache holds.</param>
/// <param name="vocabulary">Token ids.</param>
/// <param name="maximum">The highest count.</param>
internal sealed class Clock(int slots, int vocabulary, int maximum) : ICachePolicy
{
    private readonly SlotMap _map = new(slots, vocabulary);
    private readonly byte[] _uses = new byte[slots];
    private int _hand;

    public bool Access(int token)
    {
        int slot = _map.Find(token);
        if (slot != SlotMap.None)
        {
            if (_uses[slot] < maximum)
                _uses[slot]++;
            return true;
        }
        slot = _map.TakeEmpty();
        if (slot == SlotMap.None)
        {
            slot = Sweep();
            _map.Evict(slot);
        }
        _map.Place(token, slot);
        return false;
    }

    private int Sweep()
    {
        while (true)
        {
            int slot = _hand;
            _hand = slot + 1 < _uses.Length ? slot + 1 : 0;
            if (_uses[slot] == 0)
                return slot;
            _uses[slot]--;
        }
    }
}
