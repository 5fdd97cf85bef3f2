namespace MeKi.RowCache.Policies;

/// <summary>A doubly linked list of slots. Lists of one cache share the arrays of links: a slot is in one list at a time.</summary>
/// <param name="newer">[slots], the neighbour nearer to <see cref="Newest"/>.</param>
/// <param name="older">[slots], the neighbour nearer to <see cref="Oldest"/>.</param>
internal sealed class SlotList(int[] newer, int[] older)
{
    public int Newest { get; private set; } = SlotMap.None;

    public int Oldest { get; private set; } = SlotMap.None;

    public int Count { get; private set; }

    public int NewerThan(int slot) => newer[slot];

    public void Add(int slot)
    {
        (newer[slot], older[slot]) = (SlotMap.None, Newest);
        if (Newest == SlotMap.None)
            Oldest = slot;
        else
            newer[Newest] = slot;
        Newest = slot;
        Count++;
    }

    public void Remove(int slot)
    {
        if (slot == Newest)
            Newest = older[slot];
        else
            older[newer[slot]] = older[slot];
        if (slot == Oldest)
            Oldest = newer[slot];
        else
            newer[older[slot]] = newer[slot];
        Count--;
    }
}
