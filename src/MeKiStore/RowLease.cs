using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace MeKi.Store;

/// <summary>
/// The records of a batch of tokens, being read or read. <see cref="Renew"/> gives the same lease other tokens and allocates nothing once its buffers have grown.
/// Dispose when the rows have been used. For one thread at a time.
/// </summary>
/// <remarks>
/// Only the owner writes the request, and only while nobody reads. Whoever takes the state from requested to reading does the read: a thread of the thread pool, or the owner who
/// needs a row sooner. The end is published and the owner woken under one lock, which the owner must enter to wait: a reader that is slow to leave it cannot wake, or be mistaken
/// for the reader of, a later request. An item that the thread pool comes to late finds nothing to take, or a later request, whose read it may as well do.
/// </remarks>
public sealed class RowLease : IThreadPoolWorkItem, IDisposable
{
    private readonly RowStore _store;
    private readonly object _ended = new();
    private int[] _tokens = [];
    private int[] _slots = [];
    private byte[] _records = [];
    private int _distinct;
    private volatile State _state;
    private bool _queued;
    private Exception? _failure;

    internal RowLease(RowStore store, ReadOnlySpan<int> tokens)
    {
        _store = store;
        Renew(tokens);
    }

    private enum State
    {
        Empty,
        Requested,
        Reading,
        Read,
        Failed,
        Disposed,
    }

    /// <summary>Tokens of the batch.</summary>
    public int Count { get; private set; }

    /// <summary>Whether the batch is exactly these tokens; one whose reading failed is none.</summary>
    public bool IsFor(ReadOnlySpan<int> tokens)
    {
        if (tokens.Length != Count || _state is State.Empty or State.Failed or State.Disposed)
            return false;
        for (int i = 0; i < tokens.Length; i++)
        {
            if (_tokens[_slots[i]] != tokens[i])
                return false;
        }
        return true;
    }

    /// <summary>Lets go of the rows, after a read in progress has ended, and begins to read those of other tokens.</summary>
    /// <param name="tokens">Token ids; the lease's rows come in this order.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary; the lease keeps what it has.</exception>
    /// <exception cref="ObjectDisposedException">The lease is disposed.</exception>
    public void Renew(ReadOnlySpan<int> tokens)
    {
        ObjectDisposedException.ThrowIf(_state == State.Disposed, this);
        foreach (int token in tokens)
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)_store.Layout.VocabularySize, nameof(tokens));
        Withdraw();
        Assign(tokens);
        _state = State.Requested;
        // An item that still waits in the queue will see this request: a thread pool that is behind never has more than one of a lease before it.
        if (!Interlocked.Exchange(ref _queued, true))
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Decodes the row of one token and layer, waiting until it has been read.</summary>
    /// <param name="index">The token's place in the batch.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="row">Receives the row, [m].</param>
    /// <exception cref="RowFileException">Reading failed.</exception>
    /// <exception cref="ObjectDisposedException">The lease is disposed, or the store was closed before the rows were read.</exception>
    public void Decode(int index, int layer, Span<float> row) => RowCodec.Decode(_store.Layout, Record(index), layer, row);

    /// <summary>The record of one token, waiting until it has been read; several threads may ask. Valid until the lease is renewed or disposed.</summary>
    /// <param name="index">The token's place in the batch.</param>
    /// <exception cref="RowFileException">Reading failed.</exception>
    /// <exception cref="ObjectDisposedException">The lease is disposed, or the store was closed before the rows were read.</exception>
    public ReadOnlySpan<byte> Record(int index)
    {
        if (_state != State.Read)
            Wait();
        int stride = _store.Layout.RecordStride;
        return _records.AsSpan(_slots[index] * stride, stride);
    }

    /// <summary>Lets go of the rows, after a read in progress has ended.</summary>
    public void Dispose()
    {
        Withdraw();
        _state = State.Disposed;
    }

    void IThreadPoolWorkItem.Execute()
    {
        // First: a request made from here on queues an item of its own.
        Interlocked.Exchange(ref _queued, false);
        if (TryTake())
            ReadRecords();
    }

    private bool TryTake() => Interlocked.CompareExchange(ref _state, State.Reading, State.Requested) == State.Requested;

    /// <summary>Ends the request: nobody reads, or will, until the next.</summary>
    private void Withdraw()
    {
        if (Interlocked.CompareExchange(ref _state, State.Empty, State.Requested) == State.Requested)
            return;
        AwaitEnd();
        if (_state != State.Disposed)
            _state = State.Empty;
    }

    private void Assign(ReadOnlySpan<int> tokens)
    {
        if (_slots.Length < tokens.Length)
            (_tokens, _slots) = (new int[tokens.Length], new int[tokens.Length]);
        tokens.CopyTo(_tokens);
        Span<int> sorted = _tokens.AsSpan(0, tokens.Length);
        sorted.Sort();
        _distinct = Deduplicate(sorted);
        for (int i = 0; i < tokens.Length; i++)
            _slots[i] = Array.BinarySearch(_tokens, 0, _distinct, tokens[i]);
        int bytes = checked(_distinct * _store.Layout.RecordStride);
        if (_records.Length < bytes)
            _records = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
        (Count, _failure) = (tokens.Length, null);
    }

    private void ReadRecords()
    {
        State end = State.Read;
        try
        {
            int stride = _store.Layout.RecordStride;
            for (int first = 0, next; first < _distinct; first = next)
            {
                // Neighbours in the vocabulary are neighbours in the file: one read.
                for (next = first + 1; next < _distinct && _tokens[next] == _tokens[next - 1] + 1;)
                    next++;
                _store.ReadRecords(_tokens[first], next - first, _records.AsSpan(first * stride));
            }
        }
        catch (Exception failure)
        {
            (_failure, end) = (failure, State.Failed);
        }
        lock (_ended)
        {
            _state = end;
            Monitor.PulseAll(_ended);
        }
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

    private void Wait()
    {
        if (_state is State.Requested or State.Reading)
        {
            long start = Stopwatch.GetTimestamp();
            // With every core computing, the thread pool may not have come to it yet: a read from the page cache takes some 10 µs here, being scheduled up to 10 ms.
            if (TryTake())
                ReadRecords();
            else
                AwaitEnd();
            _store.AddWait(Stopwatch.GetTimestamp() - start);
        }
        ObjectDisposedException.ThrowIf(_state == State.Disposed, this);
        if (_failure is not null)
            ExceptionDispatchInfo.Throw(_failure);
    }

    /// <summary>Waits while somebody reads.</summary>
    private void AwaitEnd()
    {
        // A read from the page cache is over before a thread has gone to sleep and come back.
        for (SpinWait spin = default; _state == State.Reading && !spin.NextSpinWillYield;)
            spin.SpinOnce();
        if (_state != State.Reading)
            return;
        lock (_ended)
        {
            while (_state == State.Reading)
                Monitor.Wait(_ended);
        }
    }
}
