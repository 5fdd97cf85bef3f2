namespace MeKi.RowCache.Policies;

/// <summary>
/// A small queue that most newcomers leave soon, a main queue for those that were used twice in it or came back while still remembered as ghosts; both first
/// in, first out.
/// </summary>
/// <remarks>
/// Source: Yang, Zhang, Qiu, Yue, Vigfusson, "FIFO queues are all you need for cache eviction", SOSP 2023, algorithm 1: a tenth of the slots for the small
/// queue, counts of at most 3, as many ghosts as the main queue has slots. Ghosts need no queue here: a token remembers which eviction from the small queue was
/// its own. What the small queue promotes evicts nothing from the main queue: both have slots of one pool, and a small queue below its tenth makes the next
/// victims come from the main one.
/// </remarks>
internal sealed class S3Fifo : ICachePolicy
{
    private const byte Maximum = 3;

    private readonly SlotMap _map;
    private readonly SlotList _small;
    private readonly SlotList _main;
    private readonly byte[] _uses;
    private readonly int[] _ghostSince;
    private readonly int _smallSlots;
    private int _ghosts;

    public S3Fifo(int slots, int vocabulary)
    {
        _map = new(slots, vocabulary);
        (int[] newer, int[] older) = (new int[slots], new int[slots]);
        (_small, _main) = (new(newer, older), new(newer, older));
        _uses = new byte[slots];
        _ghostSince = new int[vocabulary];
        Array.Fill(_ghostSince, -slots);
        _smallSlots = Math.Max(1, slots / 10);
    }

    public bool Access(int token)
    {
        int slot = _map.Find(token);
        if (slot != SlotMap.None)
        {
            if (_uses[slot] < Maximum)
                _uses[slot]++;
            return true;
        }
        bool isGhost = _ghosts - _ghostSince[token] <= _map.Slots - _smallSlots;
        _ghostSince[token] = _ghosts - _map.Slots;
        slot = _map.TakeEmpty();
        if (slot == SlotMap.None)
            slot = _small.Count >= _smallSlots ? EvictFromSmall() : EvictFromMain();
        _uses[slot] = 0;
        _map.Place(token, slot);
        (isGhost ? _main : _small).Add(slot);
        return false;
    }

    private int EvictFromSmall()
    {
        while (_small.Count > 0)
        {
            int slot = _small.Oldest;
            _small.Remove(slot);
            if (_uses[slot] <= 1)
            {
                _ghostSince[_map.TokenIn(slot)] = _ghosts++;
                _map.Evict(slot);
                return slot;
            }
            _uses[slot] = 0;
            _main.Add(slot);
        }
        return EvictFromMain();
    }

    private int EvictFromMain()
    {
        while (true)
        {
            int slot = _main.Oldest;
            _main.Remove(slot);
            if (_uses[slot] == 0)
            {
                _map.Evict(slot);
                return slot;
            }
            _uses[slot]--;
            _main.Add(slot);
        }
    }
}
