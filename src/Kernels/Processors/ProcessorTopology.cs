using System.Globalization;

namespace MeKi.Kernels.Processors;

/// <summary>
/// How many of the machine's processors are worth a thread of their own when a model decodes. Each token ends in some hundred barriers, and a barrier is as
/// late as its slowest thread: an efficiency core or a second hardware thread of a busy core adds to the wait, hardly to the memory bandwidth that decoding
/// lives on.
/// </summary>
/// <remarks>
/// Work without barriers, such as encoding a checkpoint, takes every processor instead: <see cref="Environment.ProcessorCount"/>, which knows affinity and
/// quota too.
/// </remarks>
internal static class ProcessorTopology
{
    // Linux's limit is 8,192 processors; a list that names more is none.
    private const int MostProcessors = 8_192;

    // Of the largest capacity. The middle cores of three-class chips stand at 0.75 to 0.95 of it, the small ones at 0.25 to 0.58 (RK3588: 530 / 1024 = 0.52
    // before its clock counts, 0.4 with it; A311D: 592 / 1024 = 0.58): two thirds lies between with room on both sides.
    private const double PerformanceShare = 2 / 3.0;

    /// <summary>
    /// The physical cores of the machine's large classes among the processors this process may use, at most as many as its CPU quota pays for; at least 1.
    /// Where the system does not say, and outside Linux, <see cref="Environment.ProcessorCount"/>.
    /// </summary>
    public static int PerformanceCores() => OperatingSystem.IsLinux() ? PerformanceCores("/", Environment.ProcessorCount) : Environment.ProcessorCount;

    /// <summary>As <see cref="PerformanceCores()"/>, of the machine whose <c>proc</c> and <c>sys</c> lie in a folder.</summary>
    /// <param name="root">The folder.</param>
    /// <param name="processors">The most it may be, and what it is where the folder does not say.</param>
    internal static int PerformanceCores(string root, int processors)
    {
        int cores = processors;
        if (AllowedProcessors(root) is { Count: > 0 } allowed)
        {
            string devices = Path.Combine(root, "sys/devices/system/cpu");
            // One processor stands for each core: its lowest sibling that is allowed.
            List<int> physical = [.. allowed.GroupBy(processor => CoreOf(devices, processor)).Select(siblings => siblings.Min())];
            long[] capacities = [.. physical.Select(processor => Capacity(devices, processor))];
            long largest = capacities.Max();
            cores = capacities.Count(capacity => capacity >= largest * PerformanceShare);
        }
        if (ProcessorQuota.Read(root) is { } quota)
            cores = Math.Min(cores, quota);
        return Math.Clamp(cores, 1, Math.Max(1, processors));
    }

    private static List<int>? AllowedProcessors(string root)
    {
        const string Field = "Cpus_allowed_list:";
        string? line = ProcFile.Lines(Path.Combine(root, "proc/self/status")).FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal));
        return line is null ? null : ParseList(line.AsSpan(Field.Length));
    }

    /// <summary>A core's name: the lowest processor in it.</summary>
    private static int CoreOf(string devices, int processor) =>
        ProcFile.Lines(Path.Combine(devices, $"cpu{processor}/topology/thread_siblings_list")) is [string siblings, ..]
        && ParseList(siblings) is { Count: > 0 } list && list.Contains(processor) ? list.Min() : processor;

    /// <summary>Compute capacity, 1,024 for the largest core; the same for all where the kernel does not tell, as on a machine of equal cores.</summary>
    private static long Capacity(string devices, int processor) =>
        ProcFile.Lines(Path.Combine(devices, $"cpu{processor}/cpu_capacity")) is [string text, ..]
        && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int capacity) && capacity > 0 ? capacity : 1_024;

    /// <summary>The kernel's list format, <c>0,2-3</c>; null for anything else.</summary>
    private static List<int>? ParseList(ReadOnlySpan<char> text)
    {
        SortedSet<int> processors = [];
        text = text.Trim();
        foreach (Range part in text.Split(','))
        {
            ReadOnlySpan<char> range = text[part];
            int dash = range.IndexOf('-');
            if (!int.TryParse(dash < 0 ? range : range[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                || !int.TryParse(range[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int last)
                || last >= MostProcessors)
                return null;
            for (int processor = first; processor <= last; processor++)
                processors.Add(processor);
        }
        return [.. processors];
    }
}
