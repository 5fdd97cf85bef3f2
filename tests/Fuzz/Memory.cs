using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Fuzz;

/// <summary>Memory of this process.</summary>
internal static class Memory
{
    private static readonly SafeFileHandle? s_statm = File.Exists("/proc/self/statm") ? File.OpenHandle("/proc/self/statm") : null;

    /// <summary>Bytes that are resident; 0 where the system does not tell.</summary>
    public static long Resident()
    {
        if (s_statm is null)
            return 0;
        // The second number. This is asked for each input, twice.
        Span<byte> text = stackalloc byte[128];
        text = text[..RandomAccess.Read(s_statm, text, 0)];
        text = text[(text.IndexOf((byte)' ') + 1)..];
        return long.Parse(text[..text.IndexOf((byte)' ')], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
    }

    /// <summary>The most bytes that something holds while it runs, managed and native; what is less than a limit is not told apart.</summary>
    /// <param name="limit">The limit.</param>
    /// <param name="action">What runs.</param>
    public static long Peak(long limit, Action action)
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        long managed = GC.GetTotalMemory(false), resident = Resident(), peak = 0;
        bool ended = false;
        Thread sampler = new(() =>
        {
            // What nobody holds any more does not count; to know, it must be collected, which is not done for ever.
            for (int collections = 0; !Volatile.Read(ref ended) && collections < 8 && peak <= limit; Thread.Sleep(1))
            {
                if (Math.Max(GC.GetTotalMemory(false) - managed, Resident() - resident) <= limit)
                    continue;
                collections++;
                GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                peak = Math.Max(peak, Math.Max(GC.GetTotalMemory(false) - managed, Resident() - resident - (8 << 20)));
            }
        });
        sampler.Start();
        action();
        Volatile.Write(ref ended, true);
        sampler.Join();
        return peak;
    }
}
