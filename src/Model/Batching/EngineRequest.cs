using System.Threading.Channels;
using MeKi.Model.Adapters;
using MeKi.Model.Generation;

namespace MeKi.Model.Batching;

/// <summary>
/// A generation in the engine: what its caller sees of it, and what the engine's thread knows. Whoever does not take its pieces holds up itself only: after
/// some
/// of them it is left out of the passes.
/// </summary>
internal sealed class EngineRequest
{
    private const int MostUntaken = 8;

    private readonly GenerationEngine _engine;
    private readonly Channel<TextPiece> _pieces = Channel.CreateUnbounded<TextPiece>(new() { SingleReader = true, SingleWriter = true });
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly IProgress<WorkProgress>? _progress;
    private readonly int _prompt;
    private readonly AdapterSet? _adapters;
    private int _untaken, _told = -1;
    private bool _isCancelled, _isPaused;

    /// <param name="engine">Where it runs.</param>
    /// <param name="text">What is generated.</param>
    /// <param name="session">The caller's session, which it has begun a generation in; null for one of the engine's.</param>
    /// <param name="progress">Told how far the prompt is.</param>
    /// <param name="adapters">What a sequence of the engine's is computed with besides the model, held until it has ended; null for nothing.</param>
    public EngineRequest(GenerationEngine engine, Continuation text, MeKiSession? session, IProgress<WorkProgress>? progress, AdapterSet? adapters = null)
    {
        _adapters = adapters;
        (_engine, Text, Session, OwnsSession, _progress, _prompt) = (engine, text, session, session is null, progress, text.Count);
    }

    /// <summary>What is generated.</summary>
    public Continuation Text { get; }

    /// <summary>What it is computed with besides the model; null for nothing.</summary>
    public AdapterSet? Adapters => OwnsSession ? _adapters : Session!.AdapterSet;

    /// <summary>Done when the engine has let go of it.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Tokens of the prompt that needed no computing.</summary>
    public int Reused { get; private set; } = -1;

    /// <summary>Time of the passes over the prompt.</summary>
    public TimeSpan PrefillTime { get; private set; }

    /// <summary>Time of the passes over generated tokens.</summary>
    public TimeSpan DecodeTime { get; private set; }

    /// <summary>Passes that gave the logits of a generated token.</summary>
    public int DecodePasses { get; private set; }

    /// <summary>Whether the caller wants no more.</summary>
    public bool IsCancelled => Volatile.Read(ref _isCancelled);

    /// <summary>Its keys and values; null before it is let in, where the engine makes them.</summary>
    public MeKiSession? Session { get; set; }

    /// <summary>Whether the engine makes them.</summary>
    public bool OwnsSession { get; }

    /// <summary>When it came.</summary>
    public long Arrival { get; set; }

    /// <summary>The last of its whole pages that are in the tree; the root before there are any.</summary>
    public PrefixNode? Path { get; set; }

    /// <summary>How many whole pages these are.</summary>
    public int Blocks { get; set; }

    /// <summary>What went wrong with it, and nothing else, in a pass.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Tokens to be passed on.</summary>
    public int Pending => Text.Count - Session!.Cache.Length;

    /// <summary>Whether its caller has left so many pieces that it waits for him. For the engine's thread.</summary>
    public bool IsPaused
    {
        get
        {
            int untaken = Volatile.Read(ref _untaken);
            return _isPaused = untaken >= MostUntaken || (_isPaused && untaken > MostUntaken / 2);
        }
    }

    /// <summary>Waits for a piece.</summary>
    /// <returns>False at the end.</returns>
    public ValueTask<bool> WaitAsync() => _pieces.Reader.WaitToReadAsync();

    /// <summary>Takes a piece, if there is one.</summary>
    public bool TryTake(out TextPiece piece)
    {
        if (!_pieces.Reader.TryRead(out piece))
            return false;
        if (Interlocked.Decrement(ref _untaken) == MostUntaken / 2)
            _engine.Wake();
        return true;
    }

    /// <summary>Says that the caller wants no more.</summary>
    public void Cancel()
    {
        Volatile.Write(ref _isCancelled, true);
        _engine.CancelPass();
    }

    /// <summary>Notes what was there when it was let in for the first time.</summary>
    public void Begin(int reused)
    {
        if (Reused >= 0)
            return;
        Reused = reused;
        Tell(reused);
    }

    /// <summary>Notes a pass with tokens of it.</summary>
    /// <param name="time">The pass's.</param>
    /// <param name="hasLogits">Whether it gave logits.</param>
    public void Passed(TimeSpan time, bool hasLogits)
    {
        if (Text.Generated == 0)
        {
            PrefillTime += time;
            Tell(Math.Max(Reused, Session!.Cache.Length));
            return;
        }
        DecodeTime += time;
        DecodePasses += hasLogits ? 1 : 0;
        if (hasLogits)
            Text.Lookup.Computed(time);
    }

    /// <summary>Gives the caller what text there is.</summary>
    public void Give()
    {
        if (Text.TryTake(out TextPiece piece))
            Write(piece);
        if (Text.Reason is not null && Text.TryFinish(out piece))
            Write(piece);
    }

    /// <summary>Ends it.</summary>
    public void Complete()
    {
        _pieces.Writer.TryComplete(Failure);
        _ended.TrySetResult();
    }

    private void Write(TextPiece piece)
    {
        Interlocked.Increment(ref _untaken);
        _pieces.Writer.TryWrite(piece);
    }

    private void Tell(int done)
    {
        if (_progress is null || done <= _told || Failure is not null)
            return;
        _told = done;
        try
        {
            _progress.Report(new("prompt", done, _prompt, "tokens"));
        }
        catch (Exception failure)
        {
            Failure = failure;
        }
    }
}
