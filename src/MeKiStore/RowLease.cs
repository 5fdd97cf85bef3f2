using System.Diagnostics;
using System.Runtime.ExceptionServices;
using MeKi.Store.Reading;

namespace MeKi.Store;

/// <summary>
/// The records of a batch of tokens, being read or read. <see cref="Renew"/> gives the same lease other tokens and allocates nothing once its buffers have
/// grown. What a lease has stays in memory until it is renewed or disposed, whatever the cache evicts. Belongs to one thread at a time; its rows may be used by
/// several.
/// </summary>
public sealed class RowLease : IDisposable
{
    private readonly RecordStore _store;
    private readonly Stack<RecordSlot> _own = new();
    private int[] _tokens = [];
    private int[] _places = [];
    private RecordSlot[] _slots = [];
    private int _distinct;
    private int _waiting;
    private long _waitStart;
    private long _waitTicks;
    private bool _used;
    private bool _disposed;

    internal RowLease(RecordStore store, ReadOnlySpan<int> tokens)
    {
        _store = store;
        Renew(tokens);
    }

    /// <summary>Tokens of the batch.</summary>
    public int Count { get; private set; }

    /// <summary>Slots that the lease keeps for records that find no place in the cache's budget.</summary>
    internal int OwnRecords => _own.Count;

    /// <summary>Whether nothing will wait: every record of the batch is there, or known to be unreadable.</summary>
    public bool Arrived
    {
        get
        {
            foreach (RecordSlot slot in _slots.AsSpan(0, _distinct))
            {
                if (slot.State is RecordState.Requested or RecordState.Reading)
                    return false;
            }
            return true;
        }
    }

    /// <summary>Ends waiting for rows.</summary>
    public CancellationToken Cancellation { get; set; }

    /// <summary>Whether the batch is exactly these tokens; one that has a record whose reading failed is none.</summary>
    public bool IsFor(ReadOnlySpan<int> tokens)
    {
        if (tokens.Length != Count || _disposed)
            return false;
        for (int i = 0; i < tokens.Length; i++)
        {
            if (_tokens[_places[i]] != tokens[i] || _slots[_places[i]].State == RecordState.Failed)
                return false;
        }
        return true;
    }

    /// <summary>Lets go of the rows and begins to read those of other tokens; returns before they are there.</summary>
    /// <param name="tokens">Token ids; the lease's rows come in this order.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary; the lease keeps what it has.</exception>
    /// <exception cref="ObjectDisposedException">The lease is disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for so many records; the lease is empty.</exception>
    public void Renew(ReadOnlySpan<int> tokens)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        foreach (int token in tokens)
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)_store.Records.VocabularySize, nameof(tokens));
        Release();
        Count = 0;
        int distinct = Assign(tokens);
        int hits = _store.Cache.Acquire(_tokens.AsSpan(0, distinct), _slots, _own);
        (Count, _distinct) = (tokens.Length, distinct);
        _store.Meter.Asked(hits, distinct - hits);
    }

    /// <summary>Decodes the row of one token and layer, waiting until it has been read. Any number of threads may ask at once.</summary>
    /// <param name="index">The token's place in the batch.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="row">Receives the row, [m].</param>
    /// <exception cref="RowFileException">Reading failed.</exception>
    /// <exception cref="OperationCanceledException"><see cref="Cancellation"/> was requested during a wait.</exception>
    /// <exception cref="ObjectDisposedException">The lease is disposed, or the store was closed before the row was read.</exception>
    public void Decode(int index, int layer, Span<float> row) => _store.Records.Decode(Record(index), layer, row);

    /// <summary>
    /// One token's record, [record stride], waiting until it has been read; valid until the lease is renewed or disposed. Any number of threads may ask at
    /// once.
    /// </summary>
    /// <param name="index">The token's place in the batch.</param>
    /// <exception cref="RowFileException">Reading failed.</exception>
    /// <exception cref="OperationCanceledException"><see cref="Cancellation"/> was requested during a wait.</exception>
    /// <exception cref="ObjectDisposedException">The lease is disposed, or the store was closed before the record was read.</exception>
    public ReadOnlySpan<byte> Record(int index)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        RecordSlot slot = _slots[_places.AsSpan(0, Count)[index]];
        _used = true;
        if (slot.State != RecordState.Ready)
            Wait(slot);
        return slot.Bytes;
    }

    /// <summary>Waits until every record of the batch has been read.</summary>
    /// <inheritdoc cref="Record" path="/exception"/>
    public void Await()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _used = true;
        foreach (RecordSlot slot in _slots.AsSpan(0, _distinct))
        {
            if (slot.State != RecordState.Ready)
                Wait(slot);
        }
    }

    /// <summary>Lets go of the rows. A read in progress ends without it.</summary>
    public void Dispose()
    {
        Release();
        _disposed = true;
        Count = 0;
    }

    private void Release()
    {
        if (_used)
            _store.Meter.BatchEnded(Count, _waitTicks);
        (_used, _waitTicks) = (false, 0);
        _store.Cache.Release(_slots.AsSpan(0, _distinct), _own);
        _distinct = 0;
    }

    private int Assign(ReadOnlySpan<int> tokens)
    {
        if (_places.Length < tokens.Length)
            (_tokens, _places, _slots) = (new int[tokens.Length], new int[tokens.Length], new RecordSlot[tokens.Length]);
        tokens.CopyTo(_tokens);
        // Ascending: neighbours in the vocabulary are neighbours in the file, and a worker merges what it finds next to each other.
        Span<int> sorted = _tokens.AsSpan(0, tokens.Length);
        sorted.Sort();
        int distinct = Deduplicate(sorted);
        for (int i = 0; i < tokens.Length; i++)
            _places[i] = Array.BinarySearch(_tokens, 0, distinct, tokens[i]);
        return distinct;
    }

    private static int Deduplicate(Span<int> sorted)
    {
        int kept = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            if (i == 0 || sorted[i] != sorted[i - 1])
                sorted[kept++] = sorted[i];
        }
        return kept;
    }

    private void Wait(RecordSlot slot)
    {
        if (slot.State is RecordState.Requested or RecordState.Reading)
        {
            BeginWait();
            try
            {
                // With every core computing, an I/O worker may not have come to it yet: a read from the page cache takes some 10 µs here, being scheduled up to
                // 10 ms.
                if (slot.TryTake())
                    _store.Read(new(in slot), default);
                else
                    _store.Cache.Await(slot, Cancellation);
            }
            finally
            {
                EndWait();
            }
        }
        if (slot.Failure is { } failure)
            ExceptionDispatchInfo.Throw(failure);
    }

    // Threads that wait side by side count once: what matters is how long the batch stood.
    private void BeginWait()
    {
        if (Interlocked.Increment(ref _waiting) == 1)
            _waitStart = Stopwatch.GetTimestamp();
    }

    private void EndWait()
    {
        long ticks = Stopwatch.GetTimestamp() - Volatile.Read(ref _waitStart);
        if (Interlocked.Decrement(ref _waiting) > 0)
            return;
        Interlocked.Add(ref _waitTicks, ticks);
        _store.Meter.Waited(ticks);
    }
}
