using System.Text;

namespace MeKi.Tool.Tests;

/// <summary>
/// The program <c>meki</c> with one difference: it waits at the first line on standard error that begins as the first argument says, until a signal comes. So
/// what is interrupted cannot be done before.
/// </summary>
internal static class PausingProgram
{
    public static async Task<int> Main(string[] args)
    {
        using TerminationSignals signals = new();
        using PausingWriter errors = new(Console.Error, args[0], signals.Token);
        Console.SetError(errors);
        return await CommandFailure.InvokeAsync(MekiCommand.Create(), args[1..], signals);
    }

    private sealed class PausingWriter : TextWriter
    {
        private readonly TextWriter _to;
        private readonly string _lineBegin;
        private readonly ManualResetEventSlim _ended = new();

        public PausingWriter(TextWriter to, string lineBegin, CancellationToken end)
        {
            (_to, _lineBegin) = (to, lineBegin);
            // Registered before all others and so called after them: by then the command's own token, which is linked to this one, is cancelled, too.
            end.Register(_ended.Set);
        }

        public override Encoding Encoding => _to.Encoding;

        public override void WriteLine(string? value)
        {
            _to.WriteLine(value);
            if (value!.StartsWith(_lineBegin, StringComparison.Ordinal))
                Assert.True(_ended.Wait(TimeSpan.FromMinutes(1)));
        }
    }
}
