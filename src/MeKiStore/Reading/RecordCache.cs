namespace MeKi.Store.Reading;

/// <summary>
/// The records in memory and on their way, for all leases of a store. A record is found here from the moment it is asked for, so that two requests for it cost
/// one read. A record that a lease has is not evicted. Safe for any number of threads.
/// </summary>
/// <remarks>
/// Where leases have all of the budget, further records go to slots of the lease that asks: a batch larger than the budget works. The bound of all row memory
/// is thus the budget plus, for each session, two batches (one computing, one being read ahead) of at most MeKiSession.BatchTokens records: 2 × 256 × 3,712 B =
/// 1.9 MB for the 0.6B model's int8 rows.
/// </remarks>
internal sealed class RecordCache
{
    // Memory is taken as it is needed, so that a short text does not cost the whole budget.
    private const int SlabBytes = 1 << 20;

    // Most of them yield: about 200 µs.
    private const int SpinsBeforeSleeping = 100;

    private readonly object _gate = new();
    private readonly int _recordBytes;
    private readonly int _slabRecords;
    private readonly int _capacity;
    private readonly ReadQueue _reads;
    private readonly S3Fifo _order;
    private readonly Dictionary<int, RecordSlot> _slots = [];
    private readonly Stack<RecordSlot> _free = new();
    private readonly Dictionary<int, RowFileException> _damagedGroups = [];
    private int _cut;

    /// <param name="layout">The records.</param>
    /// <param name="bytes">The budget; at least one record is kept.</param>
    /// <param name="reads">Receives the records to be read.</param>
    public RecordCache(RecordLayout layout, long bytes, ReadQueue reads)
    {
        (_recordBytes, _reads) = (layout.RecordStride, reads);
        int stride = Slab.Stride(_recordBytes);
        _slabRecords = Math.Max(1, SlabBytes / stride);
        _capacity = (int)Math.Clamp(bytes / stride, 1, layout.VocabularySize);
        _order = new(_capacity, layout.VocabularySize);
    }

    /// <summary>Takes a reference to each token's record, and asks for those to be read that are not here.</summary>
    /// <param name="tokens">Distinct tokens, ascending.</param>
    /// <param name="slots">Receives their slots.</param>
    /// <param name="own">Slots of the lease's own, used and added to where the budget is all leased.</param>
    /// <returns>How many were here or on their way.</returns>
    /// <exception cref="OutOfMemoryException">There is no memory for them all; no reference was taken.</exception>
    public int Acquire(ReadOnlySpan<int> tokens, Span<RecordSlot> slots, Stack<RecordSlot> own)
    {
        int hits = 0, taken = 0;
        lock (_gate)
        {
            try
            {
                for (; taken < tokens.Length; taken++)
                {
                    if (_slots.TryGetValue(tokens[taken], out RecordSlot? slot))
                    {
                        S3Fifo.Use(slot);
                        hits++;
                    }
                    else
                        slot = Request(tokens[taken], own, tokens.Length - taken);
                    slot.References++;
                    slots[taken] = slot;
                }
            }
            catch (OutOfMemoryException)
            {
                Release(slots[..taken], own);
                throw;
            }
        }
        if (hits < tokens.Length)
        {
            _reads.Start();
            // The caller goes on to compute on every core, and a thread that was woken may then wait out a time slice before it asks the device.
            Thread.Yield();
        }
        return hits;
    }

    /// <summary>Gives references back. Reads that nobody has begun, for records that nobody else asked for, are called off.</summary>
    public void Release(ReadOnlySpan<RecordSlot> slots, Stack<RecordSlot> own)
    {
        lock (_gate)
        {
            foreach (RecordSlot slot in slots)
            {
                if (--slot.References > 0)
                    continue;
                if (slot.Resident)
                    ReleaseResident(slot);
                else
                    ReleaseOwn(slot, own, slots.Length);
            }
        }
    }

    /// <summary>Publishes the end of a read, and wakes who waits for it.</summary>
    /// <param name="run">The records that were read.</param>
    /// <param name="failure">Why they could not be; null when they were.</param>
    public void Complete(ReadOnlySpan<RecordSlot> run, Exception? failure)
    {
        lock (_gate)
        {
            foreach (RecordSlot slot in run)
            {
                slot.Failure = failure ?? _damagedGroups.GetValueOrDefault(slot.Token / RowFileLayout.GroupRecords);
                if (slot.Failure is not null)
                    GiveUp(slot);
                slot.State = slot.Failure is null ? RecordState.Ready : RecordState.Failed;
            }
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Refuses the records of a group from now on. Leases that have one keep it.</summary>
    public void Condemn(int group, RowFileException damage)
    {
        lock (_gate)
        {
            _damagedGroups[group] = damage;
            for (int token = group * RowFileLayout.GroupRecords; token < (group + 1) * RowFileLayout.GroupRecords; token++)
            {
                if (_slots.TryGetValue(token, out RecordSlot? slot) && slot.State == RecordState.Ready)
                    GiveUp(slot);
            }
        }
    }

    /// <summary>Waits while somebody reads the record.</summary>
    /// <exception cref="OperationCanceledException">The wait was called off.</exception>
    public void Await(RecordSlot slot, CancellationToken cancellation)
    {
        // To sleep and be woken takes some 100 µs. Often the read is over, and who read needs only a core to say so.
        for (SpinWait spin = default; slot.State == RecordState.Reading && spin.Count < SpinsBeforeSleeping;)
            spin.SpinOnce(sleep1Threshold: -1);
        if (slot.State != RecordState.Reading)
            return;
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static cache => ((RecordCache)cache!).WakeAll(), this);
        lock (_gate)
        {
            while (slot.State == RecordState.Reading)
            {
                cancellation.ThrowIfCancellationRequested();
                Monitor.Wait(_gate);
            }
        }
    }

    private void WakeAll()
    {
        lock (_gate)
            Monitor.PulseAll(_gate);
    }

    private RecordSlot Request(int token, Stack<RecordSlot> own, int outstanding)
    {
        bool justLeft = _order.JustLeft(token);
        RecordSlot slot = Vacant(own, outstanding);
        slot.Token = token;
        slot.Failure = null;
        if (slot.Resident)
            _order.Admit(slot, justLeft);
        _slots.Add(token, slot);
        slot.State = RecordState.Requested;
        _reads.Add(slot);
        return slot;
    }

    private RecordSlot Vacant(Stack<RecordSlot> own, int outstanding)
    {
        if (_free.Count == 0 && _cut < _capacity)
        {
            int records = Math.Min(_slabRecords, _capacity - _cut);
            Slab.Cut(records, _recordBytes, resident: true, _free);
            _cut += records;
        }
        if (_free.TryPop(out RecordSlot? slot))
            return slot;
        if (_order.Evict() is { } evicted)
        {
            _slots.Remove(evicted.Token);
            return evicted;
        }
        if (own.Count == 0)
            Slab.Cut(Math.Min(outstanding, _slabRecords), _recordBytes, resident: false, own);
        return own.Pop();
    }

    private void ReleaseResident(RecordSlot slot)
    {
        bool found = slot.Place.List is not null;
        if (found && slot.State == RecordState.Requested && slot.TryVacate())
            GiveUp(slot);
        else if (!found)
            Free(slot);
    }

    private void ReleaseOwn(RecordSlot slot, Stack<RecordSlot> own, int most)
    {
        Forget(slot);
        // One that is being read is left to the reader; who waited for it has gone. A lease keeps no more than its batch has: it may be the last to let go of
        // slots that another lease brought.
        if ((slot.State == RecordState.Failed || slot.TryVacate()) && own.Count < most)
            own.Push(slot);
    }

    /// <summary>Makes a record not to be found: the next request reads it anew.</summary>
    private void GiveUp(RecordSlot slot)
    {
        Forget(slot);
        if (!slot.Resident)
            return;
        S3Fifo.Remove(slot);
        if (slot.References == 0)
            Free(slot);
    }

    private void Free(RecordSlot slot)
    {
        slot.TryVacate();
        _free.Push(slot);
    }

    private void Forget(RecordSlot slot)
    {
        if (_slots.TryGetValue(slot.Token, out RecordSlot? found) && found == slot)
            _slots.Remove(slot.Token);
    }
}
