using System.Diagnostics;
using MeKi.Store.Storage;

namespace MeKi.Store.Reading;

/// <summary>
/// Checks each group of records against its CRC-32C once, after the first record of it was read. A group is 1 to 5 MB for a record of 4 to 20 KB: to check
/// before use would make the first token of each group wait for 256 records. So rows are used at once, and groups are checked behind, in order of first use, by
/// one thread that takes at most 0.25 % of a core's and the device's time: after each piece it rests 399 times as long as the piece took. Regions wait for the
/// thread that was interrupted, so that 1 % of a core may be 1 % of a token, half of what the branch may cost with its weights. Damage is then reported for
/// every later use of the group.
/// </summary>
/// <remarks>
/// The rate adapts to the device: 4 to 16 MB/s on the disk of the development machine, 0.1 MB/s on an SD card that reads 40 MB/s, whose group of 1 MB is
/// checked in 10 s. Who wants certainty before use runs <c>meki verify</c>.
/// </remarks>
internal sealed class GroupVerifier : IDisposable
{
    public const string ThreadName = "MeKi row verifier";

    private const int PieceBytes = 64 << 10;
    private const int RestPerWork = 399;

    private readonly object _gate = new();
    private readonly RecordSource _source;
    private readonly RowFileLayout _layout;
    private readonly Action<int, RowFileException> _damaged;
    private readonly Func<Thread, bool> _start;
    private readonly bool[] _used;
    private readonly Queue<int> _groups = new();
    private Thread? _worker;
    private volatile bool _stopping;
    private int _verified;

    /// <param name="source">The file.</param>
    /// <param name="layout">Its layout.</param>
    /// <param name="damaged">Told the group and what to throw when it is used.</param>
    /// <param name="start">Starts a thread; false where the system gives none.</param>
    public GroupVerifier(RecordSource source, RowFileLayout layout, Action<int, RowFileException> damaged, Func<Thread, bool> start)
    {
        (_source, _layout, _damaged, _start) = (source, layout, damaged, start);
        _used = new bool[layout.Groups];
    }

    /// <summary>Groups that have been checked.</summary>
    public int Verified => Volatile.Read(ref _verified);

    /// <summary>Notes that a record was read; the first of a group has the group checked.</summary>
    public void Use(int token)
    {
        int group = token / RowFileLayout.GroupRecords;
        if (Interlocked.Exchange(ref _used[group], true))
            return;
        lock (_gate)
        {
            if (_stopping)
                return;
            if (_worker is null)
            {
                Thread worker = new(Work) { IsBackground = true, Name = ThreadName };
                if (!_start(worker))
                {
                    // The group's next use tries again.
                    Volatile.Write(ref _used[group], false);
                    return;
                }
                _worker = worker;
            }
            _groups.Enqueue(group);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Ends the thread, after the piece in progress.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }
        _worker?.Join();
    }

    private void Work()
    {
        GroupChecksums checksums = new(_source, _layout, PieceBytes, Rest);
        while (TakeGroup() is { } group)
        {
            try
            {
                if (checksums.Check(group) is { } damage)
                    _damaged(group, damage);
            }
            catch (Exception failure) when (failure is RowFileException or ObjectDisposedException)
            {
                // The device failed here and may not the next time: who needs a record learns it from the record's own read. The group is checked after its
                // next use.
                Volatile.Write(ref _used[group], false);
                continue;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            Interlocked.Increment(ref _verified);
        }
    }

    private int? TakeGroup()
    {
        lock (_gate)
        {
            while (_groups.Count == 0 && !_stopping)
                Monitor.Wait(_gate);
            return _stopping ? null : _groups.Dequeue();
        }
    }

    private void Rest(int bytes, long workTicks)
    {
        long end = Stopwatch.GetTimestamp() + RestPerWork * workTicks;
        lock (_gate)
        {
            // Uses of further groups wake the thread early, and the end wakes it for good.
            while (!_stopping && Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), end) is { TotalMilliseconds: >= 1 } left)
                Monitor.Wait(_gate, left);
        }
        if (_stopping)
            throw new OperationCanceledException();
    }
}
