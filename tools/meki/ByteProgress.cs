using System.Diagnostics;
using System.Globalization;
using MeKi.Model.Conversion;

namespace MeKi.Tool;

/// <summary>
/// Shows how far a long operation is, on standard error: a bar with rate and time left that redraws itself on a terminal, a plain line for every tenth elsewhere.
/// </summary>
internal sealed class ByteProgress : IProgress<ConversionProgress>, IDisposable
{
    private const int BarWidth = 30;
    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly bool _terminal = !Console.IsErrorRedirected;
    private string _stage = "";
    private Stopwatch _elapsed = new();
    private TimeSpan _drawn;
    private long _done;
    private long _tenth;

    public void Report(ConversionProgress value)
    {
        lock (_lock)
        {
            if (value.Stage != _stage)
            {
                EndLine();
                (_stage, _elapsed, _drawn, _done, _tenth) = (value.Stage, Stopwatch.StartNew(), -Redraw, 0, -1);
            }
            // Reports of several threads may overtake each other.
            _done = Math.Max(_done, value.Done);
            if (_terminal && (_elapsed.Elapsed - _drawn >= Redraw || _done == value.Total))
            {
                _drawn = _elapsed.Elapsed;
                int filled = (int)(BarWidth * _done / Math.Max(value.Total, 1));
                Console.Error.Write($"\r{_stage,-8}[{new string('#', filled)}{new string('.', BarWidth - filled)}] {Describe(value.Total)}\u001b[K");
            }
            else if (!_terminal && _done * 10 / Math.Max(value.Total, 1) > _tenth)
            {
                _tenth = _done * 10 / Math.Max(value.Total, 1);
                Console.Error.WriteLine($"{_stage} {Describe(value.Total)}");
            }
        }
    }

    public void Dispose() => EndLine();

    private void EndLine()
    {
        if (_terminal && _stage.Length > 0)
            Console.Error.WriteLine();
        _stage = "";
    }

    private string Describe(long total)
    {
        double rate = _done / Math.Max(_elapsed.Elapsed.TotalSeconds, 1e-3);
        TimeSpan left = TimeSpan.FromSeconds(Math.Min((total - _done) / Math.Max(rate, 1), 359_999));
        return string.Create(CultureInfo.InvariantCulture,
            $"{100 * _done / Math.Max(total, 1),3} % of {total / 1e6:n1} MB, {rate / 1e6:n1} MB/s, {(int)left.TotalHours}:{left:mm\\:ss} left");
    }
}
