using System.Diagnostics;
using System.Globalization;

namespace MeKi.Tool.Benchmarking;

/// <summary>
/// The peak resident memory of this process since it was last reset (Linux: proc(5), <c>clear_refs</c> 5 and <c>VmHWM</c>); elsewhere since it began.
/// </summary>
internal static class PeakMemory
{
    public static long ResidentBytes
    {
        get
        {
            if (!File.Exists("/proc/self/status"))
                return Process.GetCurrentProcess().PeakWorkingSet64;
            string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return 1024 * long.Parse(line.AsSpan()["VmHWM:".Length..^"kB".Length], NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
                CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Starts anew: what the bandwidth yardstick took does not count.</summary>
    public static void Reset()
    {
        if (File.Exists("/proc/self/clear_refs"))
            File.WriteAllText("/proc/self/clear_refs", "5");
    }
}
