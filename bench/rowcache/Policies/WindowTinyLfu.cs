using System.Runtime.InteropServices;

namespace MeKi.RowCache.Policies;

/// <summary>
/// A small LRU window before a main cache in two segments (probation, protected). What falls out of the window enters the main cache only in place of something
/// that is used less often.
/// </summary>
/// <remarks>
/// Source: Einziger, Friedman, Manes, "TinyLFU: a highly efficient cache admission policy", ACM ToS 13(4), 2017: W-TinyLFU with a window of a hundredth, four
/// fifths of the rest protected, counts of at most 15 that are halved every 10 × slots accesses. Token ids are few, so each has a count of its own (152 KB)
/// where the paper has a sketch with collisions.
/// </remarks>
internal sealed class WindowTinyLfu : ICachePolicy
{
    private const byte Maximum = 15;

    private readonly SlotMap _map;
    private readonly SlotList _window;
    private readonly SlotList _probation;
    private readonly SlotList _protected;
    private readonly SlotList?[] _listOf;
    private readonly byte[] _frequency;
    private readonly int _windowSlots;
    private readonly int _protectedSlots;
    private readonly int _period;
    private int _accesses;

    public WindowTinyLfu(int slots, int vocabulary)
    {
        _map = new(slots, vocabulary);
        (int[] newer, int[] older) = (new int[slots], new int[slots]);
        (_window, _probation, _protected) = (new(newer, older), new(newer, older), new(newer, older));
        _listOf = new SlotList?[slots];
        _frequency = new byte[(vocabulary + sizeof(ulong) - 1) / sizeof(ulong) * sizeof(ulong)];
        _windowSlots = Math.Max(1, slots / 100);
        _protectedSlots = (slots - _windowSlots) * 4 / 5;
        _period = 10 * slots;
    }

    public bool Access(int token)
    {
        Count(token);
        int slot = _map.Find(token);
        if (slot != SlotMap.None)
        {
            Promote(slot);
            return true;
        }
        slot = _map.TakeEmpty();
        if (slot == SlotMap.None)
        {
            slot = Victim();
            _listOf[slot]!.Remove(slot);
            _map.Evict(slot);
        }
        _map.Place(token, slot);
        Move(slot, null, _window);
        if (_window.Count > _windowSlots)
            Move(_window.Oldest, _window, _probation);
        return false;
    }

    /// <summary>
    /// The oldest of the window against the oldest on probation: the one that is used less often goes; the newcomer needs a place in the window, so its oldest
    /// moves on.
    /// </summary>
    private int Victim()
    {
        int candidate = _window.Oldest;
        int victim = _probation.Oldest; // none in a cache of one slot
        return victim == SlotMap.None || _frequency[_map.TokenIn(candidate)] <= _frequency[_map.TokenIn(victim)] ? candidate : victim;
    }

    private void Promote(int slot)
    {
        SlotList list = _listOf[slot]!;
        Move(slot, list, list == _window || _protectedSlots == 0 ? list : _protected);
        if (_protected.Count > _protectedSlots)
            Move(_protected.Oldest, _protected, _probation);
    }

    private void Move(int slot, SlotList? from, SlotList to)
    {
        from?.Remove(slot);
        to.Add(slot);
        _listOf[slot] = to;
    }

    private void Count(int token)
    {
        if (_frequency[token] < Maximum)
            _frequency[token]++;
        if (++_accesses < _period)
            return;
        _accesses = 0;
        // Eight counts at a time; the mask drops what a count shifts into its neighbour.
        foreach (ref ulong counts in MemoryMarshal.Cast<byte, ulong>(_frequency.AsSpan()))
            counts = counts >> 1 & 0x7F7F_7F7F_7F7F_7F7F;
    }
}
