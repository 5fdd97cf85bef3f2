using MeKi.Model.Layers;

namespace MeKi.Model.Batching;

/// <summary>
/// Runs all generations of a model together, on one thread: each pass takes a token of every one that generates and some of the prompts that wait. Kernels give
/// a token the same bits whatever is beside it, so that a text does not depend on what else is served.
/// </summary>
internal sealed class GenerationEngine : IDisposable
{
    // Logits are kept for one token of each: 0.6 MB for 151,680 tokens.
    private const int MostLive = 64;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly LoadedModel _model;
    private readonly KvMemory _memory;
    private readonly BatchPass _pass;
    private readonly BatchPlan _plan = new();
    private readonly bool _wholePages;

    // Shared with those who ask.
    private readonly Lock _lock = new();
    private readonly AutoResetEvent _wake = new(false);
    private readonly List<EngineRequest> _arrivals = [], _inPass = [];
    private CancellationTokenSource _stopPass = new();
    private bool _isRunning, _isClosed;
    private long _arrived;

    // The thread's.
    private readonly List<EngineRequest> _waiting = [], _live = [];
    private readonly int[] _next = new int[Pass.MaxBatch];
    private long _reused, _preemptions;

    /// <param name="model">The model.</param>
    /// <param name="limit">Bytes of keys and values; null for the default.</param>
    public GenerationEngine(LoadedModel model, long? limit)
    {
        _model = model;
        _memory = new(model, limit ?? KvMemory.DefaultLimit(model.Kv, model.Config));
        _pass = new(model);
        _wholePages = model.Kv.Layers.Any(layer => layer.Window != int.MaxValue);
        Capacity = KvMemory.CapacityOf(model, _memory.Limit);
    }

    /// <summary>Tokens of a sequence that there is memory for, at most the model's context.</summary>
    public int Capacity { get; }

    /// <summary>What it does and has done.</summary>
    public EngineCounters Counters
    {
        get
        {
            lock (_lock)
            {
                return new(_arrivals.Count + _waiting.Count, _live.Count, _memory.Bytes, _memory.Limit, _pass.PromptTokens, _reused, _pass.GeneratedTokens,
                    _pass.Passes, _pass.Time, _preemptions);
            }
        }
    }

    /// <summary>Takes a generation on.</summary>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public void Add(EngineRequest request)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(MeKiModel));
            request.Arrival = _arrived++;
            _arrivals.Add(request);
            if (!_isRunning)
            {
                _isRunning = true;
                new Thread(Run) { IsBackground = true, Name = "MeKi generation" }.Start();
            }
        }
        Wake();
    }

    /// <summary>Says that there may be something to do.</summary>
    public void Wake() => _wake.Set();

    /// <summary>Ends the waiting for rows of a pass that nobody wants any more.</summary>
    public void CancelPass()
    {
        CancellationTokenSource? stop = null;
        lock (_lock)
        {
            if (_inPass.Count > 0 && _inPass.TrueForAll(static request => request.IsCancelled))
                stop = _stopPass;
        }
        stop?.Cancel();
        Wake();
    }

    /// <summary>Ends all generations and the thread, and does not wait for it.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            if (!_isRunning)
                Free();
        }
        Wake();
    }

    private void Run()
    {
        do
        {
            try
            {
                while (Step())
                {
                }
            }
            catch (Exception failure)
            {
                EndAll(failure);
            }
        }
        while (!TryStop());
    }

    // Who adds after this starts another thread.
    private bool TryStop()
    {
        lock (_lock)
        {
            if (_arrivals.Count + _waiting.Count + _live.Count > 0)
                return false;
            _isRunning = false;
            if (_isClosed)
                Free();
            return true;
        }
    }

    private void Free()
    {
        _memory.Clear();
        _pass.Dispose();
    }

    /// <summary>One pass, or a wait for something to do.</summary>
    /// <returns>False where nothing came.</returns>
    private bool Step()
    {
        bool isClosed;
        lock (_lock)
        {
            isClosed = _isClosed;
            _waiting.AddRange(_arrivals);
            _arrivals.Clear();
        }
        if (isClosed)
        {
            EndAll(new ObjectDisposedException(nameof(MeKiModel)));
            return false;
        }
        EndCancelled(_waiting);
        EndCancelled(_live);
        Admit();
        MakeRoom();
        if (!_plan.Make(_live, _wholePages))
            return _wake.WaitOne(_live.Count + _waiting.Count > 0 ? Timeout.InfiniteTimeSpan : s_patience);
        RunPass();
        return true;
    }

    private void EndCancelled(List<EngineRequest> requests)
    {
        for (int i = requests.Count - 1; i >= 0; i--)
        {
            if (requests[i].IsCancelled)
                End(requests[i]);
        }
    }

    // First come, first served: one that there is no memory for is not overtaken.
    private void Admit()
    {
        for (int i = 0; i < _waiting.Count && _live.Count < MostLive; i++)
        {
            EngineRequest request = _waiting[i];
            Admission admission = request.Session is null ? _memory.TryAdmit(request, _live) : Reuse(request);
            // Who leaves his text where it is has no right to memory that others wait for.
            while (admission == Admission.NoRoom && _live.FindLast(static each => each.OwnsSession && each.IsPaused) is { } paused)
            {
                Preempt(paused);
                i = _waiting.IndexOf(request);
                admission = _memory.TryAdmit(request, _live);
            }
            if (admission == Admission.NoRoom)
                break;
            if (admission == Admission.Later)
                continue;
            lock (_lock)
            {
                _waiting.RemoveAt(i--);
                Insert(_live, request);
            }
            if (request.OwnsSession && request.Text.Generated == 0)
                _reused += request.Reused;
            if (request.Failure is not null)
                End(request);
        }
    }

    private static Admission Reuse(EngineRequest request)
    {
        try
        {
            request.Session!.BeginPass();
            try
            {
                request.Begin(request.Session.Keep(request.Text.Tokens));
            }
            finally
            {
                request.Session.EndPass();
            }
        }
        catch (ObjectDisposedException disposed)
        {
            request.Failure = disposed;
        }
        return Admission.Admitted;
    }

    private void MakeRoom()
    {
        while (!_memory.TryGrow(_live))
        {
            EngineRequest? youngest = _live.FindLast(static each => each.OwnsSession), oldest = _live.Find(static each => each.OwnsSession);
            if (youngest == oldest)
                return;
            Preempt(youngest!);
        }
    }

    private void Preempt(EngineRequest request)
    {
        _memory.Release(request, hasEnded: false);
        request.Text.DropGuesses();
        lock (_lock)
        {
            _live.Remove(request);
            Insert(_waiting, request);
            _preemptions++;
        }
    }

    // By their arrival.
    private static void Insert(List<EngineRequest> requests, EngineRequest request)
    {
        int at = requests.Count;
        while (at > 0 && requests[at - 1].Arrival > request.Arrival)
            at--;
        requests.Insert(at, request);
    }

    private void RunPass()
    {
        List<(EngineRequest Request, int Count)> parts = _plan.Parts;
        BeginPass(parts);
        try
        {
            if (parts.Count == 0)
                return;
            using LoadedModel.Hold hold = _model.HoldOpen();
            _pass.Run(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(parts), Next(parts), _stopPass.Token);
        }
        catch (Exception failure)
        {
            foreach ((EngineRequest request, _) in parts)
                request.Failure ??= failure;
        }
        finally
        {
            EndPass(parts);
        }
        foreach ((EngineRequest request, _) in parts)
        {
            request.Give();
            if (request.Failure is not null || request.Text.Reason is not null)
                End(request);
        }
    }

    private void BeginPass(List<(EngineRequest Request, int Count)> parts)
    {
        for (int i = parts.Count - 1; i >= 0; i--)
        {
            EngineRequest request = parts[i].Request;
            try
            {
                request.Session!.BeginPass();
            }
            catch (ObjectDisposedException disposed)
            {
                request.Failure = disposed;
                parts.RemoveAt(i);
                End(request);
            }
        }
        lock (_lock)
        {
            foreach ((EngineRequest request, _) in parts)
                _inPass.Add(request);
            if (_stopPass.IsCancellationRequested)
                _stopPass = new();
        }
    }

    private void EndPass(List<(EngineRequest Request, int Count)> parts)
    {
        lock (_lock)
            _inPass.Clear();
        foreach ((EngineRequest request, _) in parts)
        {
            int cut = request.Text.TakeCut();
            request.Session!.Cut(cut);
            KvMemory.Cut(request, cut);
            _memory.Note(request);
            request.Session.EndPass();
        }
    }

    // What prompts go on with: rows to be read while this pass computes.
    private ReadOnlySpan<int> Next(List<(EngineRequest Request, int Count)> parts)
    {
        int count = 0;
        foreach ((EngineRequest request, int now) in parts)
        {
            ReadOnlySpan<int> rest = request.Text.Tokens[(request.Session!.Cache.Length + now)..];
            rest = rest[..Math.Min(rest.Length, _next.Length - count)];
            rest.CopyTo(_next.AsSpan(count));
            count += rest.Length;
        }
        return _next.AsSpan(0, count);
    }

    private void End(EngineRequest request)
    {
        _memory.Release(request, hasEnded: true);
        lock (_lock)
        {
            _live.Remove(request);
            _waiting.Remove(request);
        }
        request.Complete();
    }

    private void EndAll(Exception failure)
    {
        List<EngineRequest> all;
        lock (_lock)
        {
            all = [.. _live, .. _waiting, .. _arrivals];
            _arrivals.Clear();
        }
        foreach (EngineRequest request in all)
        {
            request.Failure ??= failure;
            End(request);
        }
    }
}
