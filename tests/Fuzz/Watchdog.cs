namespace MeKi.Fuzz;

/// <summary>
/// Ends the process when an input takes more than five seconds of processor time, until it is disposed: a process that was stopped meanwhile does not hang.
/// </summary>
internal sealed class Watchdog : IDisposable
{
    public const int HangExit = 70;

    private const double MostSeconds = 5;

    // Waiting for something that does not come takes no processor time. Looks that are a quarter of a second apart, while the process is not stopped.
    private const int MostLooks = 4 * 240;

    private long _input;
    private volatile bool _isOver;

    public Watchdog() => new Thread(Look) { IsBackground = true, Priority = ThreadPriority.Highest }.Start();

    /// <summary>A new input begins.</summary>
    public void Begin() => Interlocked.Increment(ref _input);

    public void Dispose() => _isOver = true;

    private void Look()
    {
        long seen = -1;
        int looks = 0;
        TimeSpan began = default;
        while (true)
        {
            Thread.Sleep(250);
            if (_isOver)
                return;
            TimeSpan now = Environment.CpuUsage.TotalTime;
            if (Interlocked.Read(ref _input) is var input && input != seen)
                (seen, began, looks) = (input, now, 0);
            else if ((now - began).TotalSeconds > MostSeconds + 0.5 || ++looks > MostLooks)
                Environment.Exit(HangExit);
        }
    }
}
