using System.Globalization;
using System.Runtime.InteropServices;
using MeKi.Kernels.Operations;
using MeKi.Kernels.Processors;

namespace MeKi.Tool.Diagnosis;

/// <summary>What the system tells of the machine, as far as models care. What it does not tell is null.</summary>
/// <param name="root">The folder in which <c>proc</c> and <c>sys</c> lie.</param>
internal sealed class Machine(string root)
{
    /// <summary>The machine that this process runs on.</summary>
    public static Machine This { get; } = new("/");

    /// <summary>The processor's name; of a board the board's.</summary>
    public string Processor => ProcFile.Lines(Path.Combine(root, "proc/device-tree/model")) is [{ Length: > 0 } board, ..] ? board.TrimEnd('\0')
        : Field("proc/cpuinfo", "model name") ?? $"{RuntimeInformation.ProcessArchitecture}";

    /// <summary>The kernels that compute, and why.</summary>
    public static string Kernels
    {
        get
        {
            // What is emulated is there for tests.
            string[] names = [.. KernelSelection.Names.Where(name => !name.StartsWith("Emulated", StringComparison.Ordinal))];
            string why = Environment.GetEnvironmentVariable(KernelSelection.Variable) is { Length: > 0 } ? $"as {KernelSelection.Variable} says"
                : KernelSelection.Warning is not null ? "the best that the program may use; the processor has more" : "the fastest that the processor has";
            return $"{KernelSelection.Name}, {why}; there are {string.Join(", ", names)}";
        }
    }

    /// <summary>Bytes of memory.</summary>
    public long? Memory => Kilobytes("MemTotal");

    /// <summary>Bytes that can be had without swapping.</summary>
    public long? Available => Kilobytes("MemAvailable");

    /// <summary>The least bytes that a control group of the process, or one above it, allows; null for no limit.</summary>
    public long? MemoryLimit
    {
        get
        {
            long? least = null;
            foreach (string line in ProcFile.Lines(Path.Combine(root, "proc/self/cgroup")))
            {
                if (line.Split(':', 3) is not [_, string controllers, string group] || group.Split('/').Contains(".."))
                    continue;
                (string mount, string file) = controllers.Length == 0 ? ("sys/fs/cgroup", "memory.max")
                    : controllers.Split(',').Contains("memory") ? ("sys/fs/cgroup/memory", "memory.limit_in_bytes") : ("", "");
                for (string? at = group.TrimEnd('/'); mount.Length > 0 && at is not null; at = at.Length == 0 ? null : at[..at.LastIndexOf('/')])
                {
                    // No limit is "max", or in version 1 a number that no machine has.
                    if (ProcFile.Lines(Path.Join(root, mount, at, file)) is [string text, ..]
                        && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) && bytes < 1L << 60)
                        least = Math.Min(least ?? long.MaxValue, bytes);
                }
            }
            return least;
        }
    }

    /// <summary>How the system gives huge pages: always, madvise or never.</summary>
    public string? HugePages
    {
        get
        {
            string[] lines = ProcFile.Lines(Path.Combine(root, "sys/kernel/mm/transparent_hugepage/enabled"));
            return lines is [string line, ..] && line.IndexOf('[', StringComparison.Ordinal) is >= 0 and int open
                && line.IndexOf(']', StringComparison.Ordinal) is int close && close > open ? line[(open + 1)..close] : null;
        }
    }

    /// <summary>Who decides about the processor's clock, as <c>performance</c> or <c>powersave</c>.</summary>
    public string? Governor =>
        ProcFile.Lines(Path.Combine(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")) is [string line, ..] ? line.Trim() : null;

    /// <summary>Processors that a control group pays for.</summary>
    public int? Quota => ProcessorQuota.Read(root);

    /// <summary>The file system that a file lies on, as <c>ext4 on /dev/mmcblk0p2</c>.</summary>
    public string? FileSystem(string path)
    {
        string full = Path.GetFullPath(path);
        (string Point, string Text)? best = null;
        foreach (string line in ProcFile.Lines(Path.Combine(root, "proc/self/mountinfo")))
        {
            string[] halves = line.Split(" - ", 2), left = halves[0].Split(' '), right = halves[^1].Split(' ');
            if (halves.Length < 2 || left.Length < 5 || right.Length < 2)
                continue;
            // Spaces are written as octal numbers.
            string point = left[4].Replace("\\040", " ", StringComparison.Ordinal).TrimEnd('/');
            if ((full == point || full.StartsWith(point + '/', StringComparison.Ordinal)) && point.Length >= (best?.Point.Length ?? 0))
                best = (point, $"{right[0]} on {right[1]}");
        }
        return best?.Text;
    }

    private long? Kilobytes(string name) => Field("proc/meminfo", name)?.Split(' ') is [string number, ..]
        && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long kilobytes) ? kilobytes * 1024 : null;

    private string? Field(string file, string name) => ProcFile.Lines(Path.Combine(root, file))
        .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line.Contains(':', StringComparison.Ordinal))
        .Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()).FirstOrDefault();
}
