using System.Runtime.ExceptionServices;

namespace MeKi.Kernels;

/// <summary>
/// The threads that compute. Workers are created once, spin for a short while after a region, then park. Items of a region are claimed in chunks from an
/// atomic counter, so that fast and slow cores finish together. Any number of callers and models may share a pool; their regions run one after the other.
/// </summary>
/// <remarks>
/// A claim is one compare-and-swap on a ticket (generation in the upper half, next item in the lower): a worker that wakes late holds a ticket of an old
/// generation and cannot claim from a new region. The caller waits for items, not for workers, so an unscheduled worker delays nobody. Each worker that parks
/// is woken by one permit: whoever publishes a region takes the count of the parked with it, so that workers who are slow to wake are not given a permit by
/// every region they miss.
/// </remarks>
internal sealed class ComputePool : IDisposable
{
    // About half a millisecond: the runtime makes Thread.SpinWait(8) equally long on any machine. Longer than the serial stretch between two regions of a
    // token, and than choosing the next token.
    private const int SpinsBeforeParking = 2_000;
    private const int Closed = int.MaxValue;

    /// <summary>The most threads of a pool. No machine gains by more, and each takes memory and system resources before the first product.</summary>
    public const int MaxThreads = 1024;

    private readonly Lock _oneRegionAtATime = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Thread[] _workers;

    private Region? _region;
    private ExceptionDispatchInfo? _failure;
    private int _items;
    private int _chunk;
    private long _ticket = Closed;
    private int _done;
    private int _parked;
    private bool _resting;
    private bool _stopping;

    /// <summary>Starts the workers.</summary>
    /// <param name="threads">Threads that compute, the caller's own included; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is less than 1 or more than <see cref="MaxThreads"/>.</exception>
    /// <exception cref="InsufficientMemoryException">The system does not give so many threads.</exception>
    public ComputePool(int threads)
        : this(threads, static worker => worker.Start())
    {
    }

    /// <summary>As the public constructor, with a system that may be made to give fewer threads.</summary>
    internal ComputePool(int threads, Action<Thread> start)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, MaxThreads);
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            Thread worker = new(WorkUntilStopped) { IsBackground = true, Name = $"MeKi compute {i + 1}" };
            try
            {
                start(worker);
            }
            catch (Exception failure) when (failure is OutOfMemoryException or ThreadStartException)
            {
                _workers = _workers[..i];
                Dispose();
                throw new InsufficientMemoryException($"The system gives {i + 1} of {threads} threads and no more. Ask for fewer.", failure);
            }
            _workers[i] = worker;
        }
    }

    /// <summary>Threads that compute, the caller's own included.</summary>
    public int Threads => _workers.Length + 1;

    /// <summary>Workers that sleep and use no processor: all of them, some time after the last region.</summary>
    internal int ParkedWorkers => Volatile.Read(ref _parked);

    /// <summary>Regions run so far: barriers that computing cost.</summary>
    internal long Regions { get; private set; }

    /// <summary>Permits that no worker has used yet; none while all sleep.</summary>
    internal int WakeUpsToCome => _wake.CurrentCount;

    /// <summary>Runs a region to its end on all threads. An exception of any item surfaces here, once the claimed chunks have ended.</summary>
    /// <param name="region">The work; must not run a region itself.</param>
    /// <param name="items">Number of items; 0 does nothing.</param>
    /// <param name="chunk">Items claimed at a time; boundaries lie at its multiples at any number of threads.</param>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public void Run(Region region, int items, int chunk)
    {
        ArgumentNullException.ThrowIfNull(region);
        ArgumentOutOfRangeException.ThrowIfLessThan(chunk, 1);
        if (items <= 0)
            return;
        lock (_oneRegionAtATime)
        {
            ObjectDisposedException.ThrowIf(_stopping, this);
            Regions++;
            if (_workers.Length == 0 || items <= chunk)
            {
                for (int begin = 0; begin < items; begin += Math.Min(chunk, items - begin))
                    region.Execute(begin, Math.Min(begin + chunk, items));
                return;
            }

            long generation = (_ticket >> 32) + 2;
            // No claim may succeed while the fields change hands; see the remark on the class.
            Interlocked.Exchange(ref _ticket, (generation - 1 << 32) | Closed);
            (_region, _items, _chunk, _failure) = (region, items, chunk, null);
            Volatile.Write(ref _done, 0);
            Volatile.Write(ref _resting, false);
            Interlocked.Exchange(ref _ticket, generation << 32);
            int parked = Interlocked.Exchange(ref _parked, 0);
            if (parked > 0)
                _wake.Release(parked);

            ClaimAndExecute();
            SpinWait spin = default;
            while (Volatile.Read(ref _done) < items)
                spin.SpinOnce(sleep1Threshold: -1);
            _region = null;
            _failure?.Throw();
        }
    }

    /// <summary>
    /// Sends workers to sleep who look for work, until the next region. For a caller who is about to wait for something else: a thread that is to bring it may
    /// need the core on which a worker spins.
    /// </summary>
    public void Rest() => Volatile.Write(ref _resting, true);

    /// <summary>Ends the workers; waits for a region in progress.</summary>
    public void Dispose()
    {
        lock (_oneRegionAtATime)
        {
            if (_stopping)
                return;
            Volatile.Write(ref _stopping, true);
        }
        int parked = Interlocked.Exchange(ref _parked, 0);
        if (parked > 0)
            _wake.Release(parked);
        foreach (Thread worker in _workers)
            worker.Join();
        _wake.Dispose();
    }

    private void WorkUntilStopped()
    {
        long seen = Volatile.Read(ref _ticket) >> 32;
        while (!Volatile.Read(ref _stopping))
        {
            seen = WaitForNewGeneration(seen);
            ClaimAndExecute();
        }
    }

    private long WaitForNewGeneration(long seen)
    {
        for (int spins = 0; ; spins++)
        {
            long now = Volatile.Read(ref _ticket) >> 32;
            if (now != seen || Volatile.Read(ref _stopping))
                return now;
            if (spins < SpinsBeforeParking && !Volatile.Read(ref _resting))
            {
                Thread.SpinWait(8);
                continue;
            }
            Interlocked.Increment(ref _parked);
            // A region published before the increment found nobody to wake: look once more before sleeping.
            if ((Volatile.Read(ref _ticket) >> 32 == seen && !Volatile.Read(ref _stopping)) || !TryLeaveParking())
                _wake.Wait();
            spins = 0;
        }
    }

    /// <summary>Undoes an increment of the parked; false where a region has taken it along already, whose permit must then be used.</summary>
    private bool TryLeaveParking()
    {
        while (true)
        {
            int parked = Volatile.Read(ref _parked);
            if (parked == 0)
                return false;
            if (Interlocked.CompareExchange(ref _parked, parked - 1, parked) == parked)
                return true;
        }
    }

    private void ClaimAndExecute()
    {
        while (true)
        {
            long ticket = Volatile.Read(ref _ticket);
            int begin = (int)ticket;
            int items = Volatile.Read(ref _items);
            if (begin >= items)
                return;
            int end = (int)Math.Min((long)begin + _chunk, items);
            if (Interlocked.CompareExchange(ref _ticket, (ticket & ~0xFFFFFFFFL) | (uint)end, ticket) != ticket)
                continue;
            try
            {
                if (_failure is null)
                    _region!.Execute(begin, end);
            }
            catch (Exception failure)
            {
                Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(failure), null);
            }
            Interlocked.Add(ref _done, end - begin);
        }
    }
}
