using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace MeKi.Store;

/// <summary>The records of a batch of tokens, being read or read. Dispose when the rows have been used. For one thread at a time.</summary>
public sealed class RowLease : IThreadPoolWorkItem, IDisposable
{
    private readonly RowStore _store;
    private readonly int[] _tokens;
    private readonly int[] _slots;
    private readonly byte[] _records;
    private readonly ManualResetEventSlim _ready = new();
    private bool _claimed;
    private Exception? _failure;

    internal RowLease(RowStore store, ReadOnlySpan<int> tokens)
    {
        _store = store;
        int[] distinct = tokens.ToArray();
        Array.Sort(distinct);
        _tokens = distinct.AsSpan()[..Deduplicate(distinct)].ToArray();
        _slots = new int[tokens.Length];
        for (int i = 0; i < tokens.Length; i++)
            _slots[i] = Array.BinarySearch(_tokens, tokens[i]);
        _records = GC.AllocateUninitializedArray<byte>(checked(_tokens.Length * store.Layout.RecordStride), pinned: true);
    }

    /// <summary>Tokens of the batch.</summary>
    public int Count => _slots.Length;

    /// <summary>Whether the batch is exactly these tokens.</summary>
    public bool IsFor(ReadOnlySpan<int> tokens)
    {
        if (tokens.Length != Count)
            return false;
        for (int i = 0; i < tokens.Length; i++)
        {
            if (_tokens[_slots[i]] != tokens[i])
                return false;
        }
        return true;
    }

    /// <summary>Decodes the row of one token and layer, waiting until it has been read.</summary>
    /// <param name="index">The token's place in the batch.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="row">Receives the row, [m].</param>
    /// <exception cref="RowFileException">Reading failed.</exception>
    /// <exception cref="ObjectDisposedException">The store was closed before the rows were read.</exception>
    public void Decode(int index, int layer, Span<float> row)
    {
        Wait();
        int stride = _store.Layout.RecordStride;
        RowCodec.Decode(_store.Layout, _records.AsSpan(_slots[index] * stride, stride), layer, row);
    }

    /// <summary>Lets go of the rows, after a read in progress has ended.</summary>
    // The event itself is left to the collector: its setter may still be inside Set() when the waiter wakes.
    public void Dispose()
    {
        if (Claim())
            _ready.Set();
        _ready.Wait();
    }

    void IThreadPoolWorkItem.Execute()
    {
        if (Claim())
            Read();
    }

    private bool Claim() => !Interlocked.Exchange(ref _claimed, true);

    private void Read()
    {
        try
        {
            int stride = _store.Layout.RecordStride;
            for (int first = 0, next; first < _tokens.Length; first = next)
            {
                // Neighbours in the vocabulary are neighbours in the file: one read.
                for (next = first + 1; next < _tokens.Length && _tokens[next] == _tokens[next - 1] + 1;)
                    next++;
                _store.ReadRecords(_tokens[first], next - first, _records.AsSpan(first * stride));
            }
        }
        catch (Exception failure)
        {
            _failure = failure;
        }
        _ready.Set();
    }

    private static int Deduplicate(int[] sorted)
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
        if (!_ready.IsSet)
        {
            long start = Stopwatch.GetTimestamp();
            // With every core computing, the thread pool may not have come to it yet: a read from the page cache takes some 10 µs here, being scheduled up to 10 ms.
            if (Claim())
                Read();
            _ready.Wait();
            _store.AddWait(Stopwatch.GetTimestamp() - start);
        }
        if (_failure is not null)
            ExceptionDispatchInfo.Throw(_failure);
    }
}
