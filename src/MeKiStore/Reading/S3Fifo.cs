namespace MeKi.Store.Reading;

/// <summary>
/// Which record leaves a full cache: S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023, algorithm 1). A newcomer starts in a
/// small queue; asked for twice more there, it moves to the main queue; otherwise it leaves early, so that words met once do not displace the common ones.
/// One that comes back soon after it left goes to the main queue at once. Chosen by measurement on real text: docs/benchmarks.md. For one thread at a time.
/// </summary>
/// <param name="slots">Records that fit.</param>
/// <param name="tokens">Records that exist.</param>
internal sealed class S3Fifo(int slots, int tokens)
{
    private const int MostUses = 3;

    private readonly LinkedList<RecordSlot> _small = new();
    private readonly LinkedList<RecordSlot> _main = new();
    private readonly int _smallSlots = Math.Max(1, slots / 10);

    // When each token last left the small queue, as the number of departures then: a queue of the departed without the queue.
    private readonly int[] _departed = new int[tokens];
    private readonly int _ghostSlots = slots - Math.Max(1, slots / 10);
    private int _departures = slots;

    /// <summary>Whether a record left the small queue so short a while ago that it should not have: then it is to enter the main one.</summary>
    public bool JustLeft(int token) => unchecked((uint)(_departures - _departed[token])) <= _ghostSlots;

    /// <summary>Takes in a record that was not in the cache.</summary>
    public void Admit(RecordSlot slot, bool justLeft)
    {
        slot.Uses = 0;
        _departed[slot.Token] = unchecked(_departures - _ghostSlots - 1);
        (justLeft ? _main : _small).AddLast(slot.Place);
    }

    /// <summary>Notes that a record was asked for again.</summary>
    public static void Use(RecordSlot slot) => slot.Uses = Math.Min(MostUses, slot.Uses + 1);

    /// <summary>Takes a record out that is no longer to be found.</summary>
    public static void Remove(RecordSlot slot) => slot.Place.List!.Remove(slot.Place);

    /// <summary>Chooses a record that nobody has and nobody is reading, empties its slot and takes it out; null where there is none.</summary>
    public RecordSlot? Evict() => _small.Count >= _smallSlots ? FromSmall() ?? FromMain() : FromMain() ?? FromSmall();

    private RecordSlot? FromSmall()
    {
        for (int left = _small.Count; left > 0; left--)
        {
            RecordSlot slot = TakeOldest(_small);
            if (slot.References == 0 && slot.Uses > 1)
            {
                slot.Uses = 0;
                _main.AddLast(slot.Place);
            }
            else if (slot.References == 0 && slot.TryVacate())
            {
                _departed[slot.Token] = unchecked(_departures++);
                return slot;
            }
            else
                _small.AddLast(slot.Place);
        }
        return null;
    }

    private RecordSlot? FromMain()
    {
        // Each may come round once for each use, and then once more.
        for (int left = (MostUses + 1) * _main.Count; left > 0; left--)
        {
            RecordSlot slot = TakeOldest(_main);
            if (slot.References == 0 && slot.Uses == 0 && slot.TryVacate())
                return slot;
            if (slot.References == 0 && slot.Uses > 0)
                slot.Uses--;
            _main.AddLast(slot.Place);
        }
        return null;
    }

    private static RecordSlot TakeOldest(LinkedList<RecordSlot> queue)
    {
        RecordSlot slot = queue.First!.Value;
        queue.RemoveFirst();
        return slot;
    }
}
