using System.Diagnostics;
using MeKi.RowCache.Policies;

namespace MeKi.RowCache;

/// <summary>What became of a trace's accesses.</summary>
/// <param name="HitRate">Share of hits from an empty cache.</param>
/// <param name="WarmHitRate">Share of hits in the second half of the trace.</param>
internal readonly record struct Replay(double HitRate, double WarmHitRate)
{
    public static Replay Of(ICachePolicy policy, ReadOnlySpan<int> trace)
    {
        int half = trace.Length / 2;
        int cold = Hits(policy, trace[..half]);
        int warm = Hits(policy, trace[half..]);
        return new((double)(cold + warm) / trace.Length, (double)warm / (trace.Length - half));
    }

    /// <summary>Nanoseconds an access takes: deciding and bookkeeping, with no record moved.</summary>
    public static double Cost(ICachePolicy policy, ReadOnlySpan<int> trace)
    {
        long start = Stopwatch.GetTimestamp();
        Hits(policy, trace);
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / trace.Length;
    }

    private static int Hits(ICachePolicy policy, ReadOnlySpan<int> trace)
    {
        int hits = 0;
        foreach (int token in trace)
            hits += policy.Access(token) ? 1 : 0;
        return hits;
    }
}
