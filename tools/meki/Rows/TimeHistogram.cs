namespace MeKi.Tool.Rows;

/// <summary>
/// Times counted in classes 3 % apart, from 0.1 µs to hours: quantiles of any number of measurements without keeping them. For any number of threads.
/// </summary>
internal sealed class TimeHistogram
{
    private const double Least = 1e-7;
    private const double Step = 1.03;

    private readonly long[] _classes = new long[900];

    /// <summary>Counts a time of some seconds.</summary>
    public void Add(double seconds) =>
        Interlocked.Increment(ref _classes[seconds < Least ? 0 : Math.Min(1 + (int)(Math.Log(seconds / Least) / Math.Log(Step)), _classes.Length - 1)]);

    /// <summary>The time in seconds that a share of all measurements does not exceed, to 3 %; 0 for less than 0.1 µs, or where nothing was measured.</summary>
    public double Quantile(double share)
    {
        long rank = (long)Math.Ceiling(share * _classes.Sum()), seen = 0;
        for (int i = 0; i < _classes.Length; i++)
        {
            seen += _classes[i];
            if (seen >= rank)
                return i == 0 ? 0 : Least * Math.Pow(Step, i);
        }
        return 0;
    }

    public void Clear() => Array.Clear(_classes);
}
