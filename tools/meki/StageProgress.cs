using System.Diagnostics;
using MeKi.Model;
using static System.FormattableString;

namespace MeKi.Tool;

/// <summary>
/// Shows how far a long operation is, on standard error: a bar with rate and time left that redraws itself on a terminal, a plain line for every tenth
/// elsewhere.
/// </summary>
internal sealed class StageProgress : IProgress<WorkProgress>, IDisposable
{
    private const int BarWidth = 30;
    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly bool _terminal = !Console.IsErrorRedirected && TakesEscapeSequences;
    private string _stage = "";
    private Stopwatch _elapsed = new();
    private TimeSpan _drawn;
    private long _done;
    private long _tenth;

    /// <summary>Whether the terminal, if there is one, takes escape sequences and the user has nothing against them.</summary>
    public static bool TakesEscapeSequences { get; } =
        AllowsEscapeSequences(Environment.GetEnvironmentVariable("TERM"), Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>What <see cref="TakesEscapeSequences"/> follows from.</summary>
    /// <param name="terminal">The environment variable <c>TERM</c>.</param>
    /// <param name="noColor">The environment variable <c>NO_COLOR</c> (no-color.org): set to anything, it says no.</param>
    internal static bool AllowsEscapeSequences(string? terminal, string? noColor) =>
        string.IsNullOrEmpty(noColor) && (terminal is not (null or "" or "dumb") || (terminal is null && OperatingSystem.IsWindows()));

    public void Report(WorkProgress value)
    {
        string Quantity(double units) => value.Unit == "bytes" ? Invariant($"{units / 1e6:n1} MB") : Invariant($"{units:n0} {value.Unit}");
        Show(value.Stage, value.Done, value.Total, Quantity);
    }

    public void Dispose() => EndLine();

    private void Show(string stage, long done, long total, Func<double, string> quantity)
    {
        lock (_lock)
        {
            if (stage != _stage)
            {
                EndLine();
                (_stage, _elapsed, _drawn, _done, _tenth) = (stage, Stopwatch.StartNew(), -Redraw, 0, -1);
            }
            // Reports of several threads may overtake each other.
            _done = Math.Max(_done, done);
            if (_terminal && (_elapsed.Elapsed - _drawn >= Redraw || _done == total))
            {
                _drawn = _elapsed.Elapsed;
                int filled = (int)(BarWidth * _done / Math.Max(total, 1));
                Console.Error.Write($"\r{_stage,-8}[{new string('#', filled)}{new string('.', BarWidth - filled)}] {Describe(total, quantity)}\u001b[K");
            }
            else if (!_terminal && _done * 10 / Math.Max(total, 1) > _tenth)
            {
                _tenth = _done * 10 / Math.Max(total, 1);
                Console.Error.WriteLine($"{_stage} {Describe(total, quantity)}");
            }
        }
    }

    private void EndLine()
    {
        if (_terminal && _stage.Length > 0)
            Console.Error.WriteLine();
        _stage = "";
    }

    private string Describe(long total, Func<double, string> quantity)
    {
        string share = Invariant($"{100 * _done / Math.Max(total, 1),3} % of {quantity(total)}");
        if (_done == 0)
            return share;
        double rate = _done / Math.Max(_elapsed.Elapsed.TotalSeconds, 1e-3);
        TimeSpan left = TimeSpan.FromSeconds(Math.Min((total - _done) / rate, 359_999));
        return Invariant($"{share}, {quantity(rate)}/s, {(int)left.TotalHours}:{left:mm\\:ss} left");
    }
}
