namespace MeKi.RowCache.Policies;

/// <summary>
/// A queue by arrival with one bit of use. The hand moves from old to new, clears bits and evicts the first slot without one; unlike CLOCK's it leaves
/// survivors where they are, so newcomers are judged sooner than what has survived before.
/// </summary>
/// <remarks>Source: Zhang, Yang, Yue, Vigfusson, Rashmi, "SIEVE is simpler than LRU", NSDI 2024, algorithm 1.</remarks>
internal sealed class Sieve(int slots, int vocabulary) : ICachePolicy
{
    private readonly SlotMap _map = new(slots, vocabulary);
    private readonly SlotList _byArrival = new(new int[slots], new int[slots]);
    private readonly bool[] _used = new bool[slots];
    private int _hand = SlotMap.None;

    public bool Access(int token)
    {
        int slot = _map.Find(token);
        if (slot != SlotMap.None)
        {
            _used[slot] = true;
            return true;
        }
        slot = _map.TakeEmpty();
        if (slot == SlotMap.None)
        {
            slot = Sweep();
            _map.Evict(slot);
        }
        _map.Place(token, slot);
        _byArrival.Add(slot);
        return false;
    }

    private int Sweep()
    {
        int slot = _hand == SlotMap.None ? _byArrival.Oldest : _hand;
        while (_used[slot])
        {
            _used[slot] = false;
            slot = _byArrival.NewerThan(slot);
            if (slot == SlotMap.None)
                slot = _byArrival.Oldest;
        }
        _hand = _byArrival.NewerThan(slot);
        _byArrival.Remove(slot);
        return slot;
    }
}
