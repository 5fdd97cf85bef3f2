using System.Globalization;

namespace MeKi.Kernels.Processors;

/// <summary>
/// The CPU time that control groups grant this process, as a number of processors: <c>cpu.max</c> of version 2, <c>cpu.cfs_quota_us</c> of version 1.
/// </summary>
internal static class ProcessorQuota
{
    /// <summary>The tightest quota of the process's group and the groups above it that can be seen, rounded up; null where none is set.</summary>
    /// <param name="root">The folder in which <c>proc</c> and <c>sys</c> lie.</param>
    // More threads than the quota pays for are all stopped together once it is used up, mid-region and for tens of milliseconds.
    public static int? Read(string root)
    {
        double? quota = null;
        foreach (Mount mount in Mounts(root))
        {
            foreach (string folder in Folders(root, mount))
            {
                double? here = mount.IsVersion2 ? Version2(folder) : Version1(folder);
                quota = quota is null || here < quota ? here ?? quota : quota;
            }
        }
        return quota is null ? null : Math.Max(1, (int)Math.Min(Math.Ceiling(quota.Value), int.MaxValue));
    }

    /// <summary>
    /// The mounted hierarchies that limit CPU time: lines of mountinfo (proc(5)) are <c>id parent device root point options … - type source options</c>.
    /// </summary>
    private static IEnumerable<Mount> Mounts(string root)
    {
        foreach (string line in ProcFile.Lines(Path.Combine(root, "proc/self/mountinfo")))
        {
            string[] halves = line.Split(" - ", 2);
            string[] left = halves[0].Split(' '), right = halves[^1].Split(' ');
            if (halves.Length < 2 || left.Length < 5 || right.Length < 3)
                continue;
            bool isVersion2 = right[0] == "cgroup2";
            if (isVersion2 || (right[0] == "cgroup" && right[2].Split(',').Contains("cpu")))
                yield return new(left[3], left[4], isVersion2);
        }
    }

    /// <summary>The process's own group in a hierarchy and those above it, the mounted one last.</summary>
    private static IEnumerable<string> Folders(string root, Mount mount)
    {
        string top = Path.Join(root, mount.Point), group = GroupOf(root, mount);
        // A container that sees its host's names has its own group mounted: what is mounted is the beginning of the name.
        if (mount.Root.Length > 1 && (group == mount.Root || group.StartsWith(mount.Root + '/', StringComparison.Ordinal)))
            group = group[mount.Root.Length..];
        // A name that leads out of the mount is of a group that cannot be seen from here.
        if (!group.Split('/').Contains(".."))
        {
            for (group = group.TrimEnd('/'); group.Length > 0; group = group[..Math.Max(0, group.LastIndexOf('/'))])
                yield return Path.Join(top, group);
        }
        yield return top;
    }

    /// <summary>The process's group: lines of <c>/proc/self/cgroup</c> are <c>number:controllers:name</c>, in version 2 without controllers.</summary>
    private static string GroupOf(string root, Mount mount)
    {
        foreach (string line in ProcFile.Lines(Path.Combine(root, "proc/self/cgroup")))
        {
            if (line.Split(':', 3) is [_, string controllers, string name]
                && (mount.IsVersion2 ? controllers.Length == 0 : controllers.Split(',').Contains("cpu")))
                return name;
        }
        return "/";
    }

    /// <summary><c>cpu.max</c>: quota and period in microseconds, or <c>max</c> and the period.</summary>
    private static double? Version2(string folder) =>
        ProcFile.Lines(Path.Join(folder, "cpu.max")) is [string line, ..] && line.Split(' ') is [string quota, string period] ? Ratio(quota, period) : null;

    private static double? Version1(string folder) =>
        ProcFile.Lines(Path.Join(folder, "cpu.cfs_quota_us")) is [string quota, ..]
            && ProcFile.Lines(Path.Join(folder, "cpu.cfs_period_us")) is [string period, ..]
            ? Ratio(quota, period) : null;

    // No quota is "max" or −1: not a number without a sign.
    private static double? Ratio(string quota, string period) =>
        long.TryParse(quota, NumberStyles.None, CultureInfo.InvariantCulture, out long microseconds)
        && long.TryParse(period, NumberStyles.None, CultureInfo.InvariantCulture, out long of) && microseconds > 0 && of > 0 ? (double)microseconds / of : null;

    /// <param name="Root">The group that is mounted.</param>
    /// <param name="Point">Where.</param>
    /// <param name="IsVersion2">Whether it is the unified hierarchy.</param>
    private readonly record struct Mount(string Root, string Point, bool IsVersion2);
}
