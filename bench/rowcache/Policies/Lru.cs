namespace MeKi.RowCache.Policies;

/// <summary>Evicts what was used longest ago.</summary>
/// <remarks>Source: Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970.</remarks>
internal sealed class Lru(int slots, int vocabulary) : ICachePolicy
{
    private readonly SlotMap _map = new(slots, vocabulary);
    private readonly SlotList _byUse = new(new int[slots], new int[slots]);

    public bool Access(int token)
    {
        int slot = _map.Find(token);
        if (slot != SlotMap.None)
        {
            _byUse.Remove(slot);
            _byUse.Add(slot);
            return true;
        }
        slot = _map.TakeEmpty();
        if (slot == SlotMap.None)
        {
            slot = _byUse.Oldest;
            _byUse.Remove(slot);
            _map.Evict(slot);
        }
        _map.Place(token, slot);
        _byUse.Add(slot);
        return false;
    }
}
