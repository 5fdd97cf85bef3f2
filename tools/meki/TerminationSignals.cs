using System.Runtime.InteropServices;

namespace MeKi.Tool;

/// <summary>
/// The signals that ask the program to end: Ctrl-C, the end of its terminal, and <c>kill</c>. The first cancels the work, so that what is half-written goes and
/// what is worth keeping is kept. A second Ctrl-C ends the process at once; the others often come twice, from the kernel and from the shell.
/// </summary>
internal sealed class TerminationSignals : IDisposable
{
    private const long PatienceMilliseconds = 1_000;

    // SIGXFSZ of every Unix.
    private const int FileSizeLimit = 25;

    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    private static Action? s_interrupt;
    private static PosixSignalRegistration? s_fileSizeLimit;

    private readonly CancellationTokenSource _cancellation = new();
    private readonly TaskCompletionSource _overdue = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PosixSignalRegistration[] _registrations;
    private int _exitCode;
    private long _first;

    public TerminationSignals()
    {
        _registrations = [Register(PosixSignal.SIGHUP, 1), Register(PosixSignal.SIGINT, 2), Register(PosixSignal.SIGTERM, 15)];
        // A file that outgrows its limit is an error of the write, which says so and leaves nothing; the signal would end the process in the midst of it. It is
        // handled some time after the write, perhaps when all else is over: this is never disposed.
        if (!OperatingSystem.IsWindows())
            s_fileSizeLimit ??= PosixSignalRegistration.Create((PosixSignal)FileSizeLimit, static context => context.Cancel = true);
    }

    /// <summary>Cancelled at the first signal.</summary>
    public CancellationToken Token => _cancellation.Token;

    /// <summary>128 and the number of the first signal, as a shell counts; 130 where none came.</summary>
    public int ExitCode => _exitCode == 0 ? 130 : _exitCode;

    /// <summary>Ends when the work should long have heeded <see cref="Token"/>: it hangs, or it loads a model. Saving a session may take its time.</summary>
    public Task Overdue => _overdue.Task;

    /// <summary>Has Ctrl-C do something else than end the program, until the result is disposed.</summary>
    public static IDisposable Intercept(Action interrupt)
    {
        Volatile.Write(ref s_interrupt, interrupt);
        return new Interception();
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _cancellation.Dispose();
    }

    private PosixSignalRegistration Register(PosixSignal signal, int number) => PosixSignalRegistration.Create(signal, context =>
    {
        if (signal == PosixSignal.SIGINT && Volatile.Read(ref s_interrupt) is { } interrupt)
        {
            context.Cancel = true;
            interrupt();
            return;
        }
        if (Interlocked.CompareExchange(ref _exitCode, 128 + number, 0) == 0)
        {
            _first = Environment.TickCount64;
            context.Cancel = true;
            _ = WaitAsync();
            _cancellation.Cancel();
            return;
        }
        // Wrappers pass on a Ctrl-C that the terminal sent to all: two at once are one.
        context.Cancel = signal != PosixSignal.SIGINT || Environment.TickCount64 - _first < PatienceMilliseconds;
    });

    private async Task WaitAsync()
    {
        do
            await Task.Delay(Grace).ConfigureAwait(false);
        while (PromptCache.IsBeingSaved || ServeCommand.IsDraining);
        _overdue.SetResult();
    }

    private sealed class Interception : IDisposable
    {
        public void Dispose() => Volatile.Write(ref s_interrupt, null);
    }
}
