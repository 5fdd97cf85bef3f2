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

    private sealed class PausingWriter(TextWriter to, string lineBegin, CancellationToken end) : TextWriter
    {
        public override Encoding Encoding => to.Encoding;

        public override void WriteLine(string? value)
        {
            to.WriteLine(value);
            if (value!.StartsWith(lineBegin, StringComparison.Ordinal))
                Assert.True(end.WaitHandle.WaitOne(TimeSpan.FromMinutes(1)));
        }
    }
}
