namespace MeKi.Tool;

/// <summary>Text that goes to standard output piece by piece. A write that waits for a reader who has stopped reading cannot be cancelled, only left.</summary>
/// <param name="cancellation">Leaves it.</param>
internal sealed class TextOutput(CancellationToken cancellation)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    private bool _isBegun;
    private Task _last = Task.CompletedTask;

    /// <exception cref="StandardOutputException">Nobody reads it, or it cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    public Task WriteAsync(string text)
    {
        _isBegun = true;
        _last = Task.Run(() => Console.Out.Write(text), CancellationToken.None);
        return _last.WaitAsync(cancellation);
    }

    /// <summary>Ends the line of a text that did not come to its end, where that is possible.</summary>
    public void EndLine()
    {
        if (!_isBegun)
            return;
        Task end = _last.ContinueWith(last => Console.Out.Write(last.IsCompletedSuccessfully ? Environment.NewLine : ""), TaskScheduler.Default);
        Task.WaitAny(end, Task.Delay(Patience));
    }
}
