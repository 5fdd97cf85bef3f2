namespace MeKi.Store.Reading;

/// <summary>
/// Memory for one record and what is known of it. Whoever moves the state from requested to reading reads; the token and the references change only under the
/// cache's lock, the place in the queue only under the queue's.
/// </summary>
internal sealed class RecordSlot
{
    private readonly byte[] _slab;
    private readonly int _offset;
    private readonly int _length;
    private int _state;

    public RecordSlot(byte[] slab, int offset, int length, bool resident)
    {
        (_slab, _offset, _length, Resident) = (slab, offset, length, resident);
        Place = new(this);
    }

    /// <summary>The record's bytes, [record stride], pinned; the first on a 64-byte boundary.</summary>
    public Span<byte> Bytes => _slab.AsSpan(_offset, _length);

    /// <summary>Whether the slot belongs to the cache's budget; otherwise to the lease that asked when all of the budget was in use.</summary>
    public bool Resident { get; }

    /// <summary>The slot's place in the cache's order of eviction; in no list when the slot is free or its record was given up.</summary>
    public LinkedListNode<RecordSlot> Place { get; }

    /// <summary>Whose record it is. Stable from reading on, for as long as a reference or the reader keeps it.</summary>
    public int Token { get; set; }

    /// <summary>Leases that have the record.</summary>
    public int References { get; set; }

    /// <summary>How often the record was asked for again, 0 to 3 (<see cref="S3Fifo"/>).</summary>
    public int Uses { get; set; }

    /// <summary>Why reading failed.</summary>
    public Exception? Failure { get; set; }

    /// <summary>The next slot in the queue of reads.</summary>
    public RecordSlot? Next { get; set; }

    /// <summary>Whether the slot stands in the queue, perhaps for a record that it no longer holds: it is then read for the one it does.</summary>
    public bool Queued { get; set; }

    public RecordState State
    {
        get => (RecordState)Volatile.Read(ref _state);
        set => Volatile.Write(ref _state, (int)value);
    }

    /// <summary>Makes the caller the one who reads.</summary>
    public bool TryTake() => TryMove(RecordState.Requested, RecordState.Reading);

    /// <summary>Empties the slot, unless somebody is reading into it. A read that nobody has begun is called off.</summary>
    public bool TryVacate() => TryMove(RecordState.Ready, RecordState.Empty) || TryMove(RecordState.Requested, RecordState.Empty);

    private bool TryMove(RecordState from, RecordState to) => Interlocked.CompareExchange(ref _state, (int)to, (int)from) == (int)from;
}
