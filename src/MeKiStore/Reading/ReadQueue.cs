namespace MeKi.Store.Reading;

/// <summary>Reads a run of records, ascending, into their slots and publishes the end. Never throws.</summary>
/// <param name="run">Records taken for reading, close enough together for one read.</param>
/// <param name="staging">Memory for a read of several records; empty where the run is one.</param>
internal delegate void ReadRun(ReadOnlySpan<RecordSlot> run, Span<byte> staging);

/// <summary>
/// The threads that read, and the records they are to read, in the order of the requests. Threads of their own: the thread pool comes to a read late when all
/// cores compute. They start as there is work for them; one suffices to decode. Requests are sorted by place in the file, so a worker finds neighbours next in
/// the queue and reads them at once.
/// </summary>
/// <param name="stride">Bytes of a record.</param>
/// <param name="read">Does the reading.</param>
/// <param name="start">Starts a thread; false where the system gives none.</param>
internal sealed class ReadQueue(int stride, ReadRun read, Func<Thread, bool> start) : IDisposable
{
    /// <summary>Bytes of a merged read at most.</summary>
    public const int StagingBytes = 128 << 10;

    /// <summary>Bytes between two records that are read along with them rather than making two reads.</summary>
    private const int MostGapBytes = 16 << 10;

    private const int MostWorkers = 4;

    private readonly object _gate = new();
    private readonly List<Thread> _workers = [];
    private RecordSlot? _first;
    private RecordSlot? _last;
    private int _length;
    private int _idle;
    private bool _stopping;

    /// <summary>Adds a record; <see cref="Start"/> follows when all are added.</summary>
    public void Add(RecordSlot slot)
    {
        lock (_gate)
        {
            // A slot that was called off and used anew before a worker came to it keeps its place.
            if (slot.Queued)
                return;
            slot.Queued = true;
            if (_last is null)
                _first = slot;
            else
                _last.Next = slot;
            _last = slot;
            _length++;
        }
    }

    /// <summary>Sets as many workers to work as there are records.</summary>
    public void Start()
    {
        lock (_gate)
        {
            if (_stopping)
                return;
            for (int i = Math.Min(_idle, _length); i > 0; i--)
                Monitor.Pulse(_gate);
            for (int missing = Math.Min(_length - _idle, MostWorkers - _workers.Count); missing > 0; missing--)
            {
                Thread worker = new(Work) { IsBackground = true, Name = $"MeKi rows {_workers.Count + 1}" };
                // Who needs a record that nobody reads reads it: without threads it is slower, no more.
                if (!start(worker))
                    return;
                _workers.Add(worker);
            }
        }
    }

    /// <summary>
    /// Ends the threads, after the reads in progress. Records still in the queue stay requested: who needs one reads it, and learns that the store is closed.
    /// </summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }
        foreach (Thread worker in _workers)
            worker.Join();
    }

    private void Work()
    {
        RecordSlot[] run = new RecordSlot[Math.Max(1, StagingBytes / stride)];
        Memory<byte> staging = run.Length > 1 ? Slab.Piece(StagingBytes) : default;
        for (int count; (count = Take(run)) > 0;)
        {
            // A token may have changed between the look into the queue and the taking: what is not a run after all is read in parts.
            for (int begin = 0, end; begin < count; begin = end)
            {
                for (end = begin + 1; end < count && Belongs(run[end].Token, run[end - 1].Token, run[begin].Token); end++)
                {
                }
                read(run.AsSpan(begin..end), staging.Span);
            }
        }
    }

    /// <summary>Waits for records to read and takes the first, with those behind it that one read can bring.</summary>
    /// <returns>How many; 0 when the work is over.</returns>
    private int Take(Span<RecordSlot> run)
    {
        lock (_gate)
        {
            for (int count = 0; ;)
            {
                while (_first is null && count == 0 && !_stopping)
                {
                    _idle++;
                    Monitor.Wait(_gate);
                    _idle--;
                }
                if (_stopping && count == 0)
                    return 0;
                if (_first is not { } slot || count == run.Length || (count > 0 && !Belongs(slot.Token, run[count - 1].Token, run[0].Token)))
                    return count;
                Remove(slot);
                if (slot.TryTake())
                    run[count++] = slot;
            }
        }
    }

    private void Remove(RecordSlot first)
    {
        _first = first.Next;
        if (_first is null)
            _last = null;
        first.Next = null;
        first.Queued = false;
        _length--;
    }

    private bool Belongs(int token, int previous, int first) =>
        token > previous && (long)(token - previous - 1) * stride <= MostGapBytes && (token - first + 1L) * stride <= StagingBytes;
}
