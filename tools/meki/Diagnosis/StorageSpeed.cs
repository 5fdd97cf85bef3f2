using System.Diagnostics;
using MeKi.Store;
using MeKi.Store.Storage;
using MeKi.Tool.Benchmarking;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Tool.Diagnosis;

/// <summary>How fast a file comes from where it lies: from end to end, and 4 KB anywhere in it, as rows are read. A second for each at most.</summary>
/// <param name="MegabytesPerSecond">Sequential.</param>
/// <param name="Median">Seconds of a random read.</param>
/// <param name="Percentile99">Seconds that only one of a hundred takes longer than.</param>
/// <param name="IsCold">Whether the page cache was emptied of the file before; else the figures may be the memory's.</param>
internal sealed record StorageSpeed(double MegabytesPerSecond, double Median, double Percentile99, bool IsCold)
{
    private const int ChunkBytes = 1 << 20, PageBytes = 4 << 10, MostReads = 2_000;
    private const long MostBytes = 512L << 20;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    /// <exception cref="IOException">The file cannot be read.</exception>
    public static StorageSpeed Measure(string path)
    {
        using SafeFileHandle file = RegularFile.Open(path);
        long length = RandomAccess.GetLength(file);
        bool isCold = Evict(path);
        byte[] buffer = new byte[ChunkBytes];
        long begin = Stopwatch.GetTimestamp(), done = 0;
        for (int read; done < Math.Min(length, MostBytes) && Stopwatch.GetElapsedTime(begin) < s_patience; done += read)
        {
            read = RandomAccess.Read(file, buffer, done);
            if (read == 0)
                break;
        }
        double sequential = done / 1e6 / Stopwatch.GetElapsedTime(begin).TotalSeconds;
        isCold &= Evict(path);
        // Always the same places, so that runs can be compared; few of a small file's, for what was read is in the page cache.
        long pages = Math.Max(1, length / PageBytes), reads = Math.Min(MostReads, pages / 8 + 1);
        Random places = new(1);
        List<double> times = [];
        begin = Stopwatch.GetTimestamp();
        while (times.Count < reads && Stopwatch.GetElapsedTime(begin) < s_patience)
        {
            long at = places.NextInt64(pages) * PageBytes, start = Stopwatch.GetTimestamp();
            _ = RandomAccess.Read(file, buffer.AsSpan(0, PageBytes), at);
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        times.Sort();
        return new(sequential, times[times.Count / 2], times[times.Count * 99 / 100], isCold);
    }

    private static bool Evict(string path)
    {
        try
        {
            PageCache.Evict(path);
            return true;
        }
        catch (Exception failure) when (failure is PlatformNotSupportedException or IOException or RowFileException)
        {
            return false;
        }
    }
}
