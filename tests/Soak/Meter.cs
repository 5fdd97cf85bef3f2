using System.Globalization;
using MeKi.Kernels.Allocation;

namespace MeKi.Soak;

/// <summary>What this process holds at a time.</summary>
internal readonly record struct Sample(int Handles, int Threads, long Native, long Managed, long Resident)
{
    public static Sample Now()
    {
        // What nobody holds does not count.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        string[] status = File.ReadAllLines("/proc/self/status");
        long Of(string name) => long.Parse(status.First(line => line.StartsWith(name, StringComparison.Ordinal)).Split((char[])[' ', '\t'],
            StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        return new(Directory.GetFileSystemEntries("/proc/self/fd").Length, (int)Of("Threads:"), Arena.LiveBytes, GC.GetTotalMemory(false), Of("VmRSS:") << 10);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Handles} handles, {Threads} threads, {Native / 1e6:f1} MB native, {Managed / 1e6:f1} MB managed, {Resident / 1e6:f1} MB resident");
}

/// <summary>Samples from beginning to end, and whether they are flat.</summary>
internal sealed class Meter
{
    private readonly List<Sample> _samples = [];

    public void Take() => _samples.Add(Sample.Now());

    /// <summary>What grew from the first third, in which all that is kept for good comes up, to the last one.</summary>
    public IEnumerable<string> Growth()
    {
        int third = _samples.Count / 3;
        (Sample[] before, Sample[] after) = ([.. _samples.Skip(third).Take(third)], [.. _samples.TakeLast(third)]);
        foreach ((string what, Func<Sample, long> of, long allowance) in new (string, Func<Sample, long>, long)[]
        {
            ("handles", sample => sample.Handles, 24), ("threads", sample => sample.Threads, 8), ("native bytes", sample => sample.Native, 4 << 20),
            ("managed bytes", sample => sample.Managed, 4 << 20), ("resident bytes", sample => sample.Resident, 64 << 20),
        })
        {
            // The lowest of some: each has what is in progress in it.
            (long least, long later) = (before.Min(of), after.Min(of));
            if (later > least + allowance)
                yield return string.Create(CultureInfo.InvariantCulture, $"{what} grew from {least} to {later}");
        }
    }

    public override string ToString() => string.Join('\n', _samples.Where((_, i) => i % Math.Max(1, _samples.Count / 6) == 0).Append(_samples[^1]));
}
