using System.Text;

namespace MeKi.Tool;

/// <summary>What a user says, one message at a time: a line, pasted lines together, lines that end with a backslash, or lines between two of three
/// quotes.</summary>
/// <param name="cancellation">Leaves a read that waits.</param>
internal sealed class ChatInput(CancellationToken cancellation) : IDisposable
{
    private const string Fence = "\"\"\"";

    // Lines of a paste come at once; nobody types a line so fast.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(30);

    private readonly StreamReader _reader = new(StandardStreams.OpenInput(), new UTF8Encoding(false));
    private readonly bool _terminal = !Console.IsInputRedirected;
    private Task<string?>? _next;

    /// <summary>The next message; null at the end of the input.</summary>
    public async Task<string?> ReadAsync()
    {
        string? line = await LineAsync().ConfigureAwait(false);
        if (line is null)
            return null;
        StringBuilder said = new();
        if (line.TrimEnd() == Fence)
        {
            while (await LineAsync().ConfigureAwait(false) is { } inside && inside.TrimEnd() != Fence)
                said.Append(inside).Append('\n');
            return said.ToString().TrimEnd('\n');
        }
        said.Append(line);
        while (said.Length > 0 && said[^1] == '\\')
        {
            said.Length--;
            said.Append('\n').Append(await LineAsync().ConfigureAwait(false));
        }
        while (_terminal && await IsWaitingAsync().ConfigureAwait(false))
            said.Append('\n').Append(await LineAsync().ConfigureAwait(false));
        return said.ToString();
    }

    public void Dispose() => _reader.Dispose();

    private async Task<bool> IsWaitingAsync()
    {
        _next ??= Task.Run(_reader.ReadLine, CancellationToken.None);
        await Task.WhenAny(_next, Task.Delay(Pause, cancellation)).ConfigureAwait(false);
        return _next.IsCompletedSuccessfully && _next.Result is not null;
    }

    // A read from a terminal cannot be cancelled, only left.
    private async Task<string?> LineAsync()
    {
        Task<string?> next = _next ?? Task.Run(_reader.ReadLine, CancellationToken.None);
        _next = next;
        string? line = await next.WaitAsync(cancellation).ConfigureAwait(false);
        _next = null;
        return line;
    }
}
