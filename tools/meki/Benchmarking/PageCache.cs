using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MeKi.Store;

namespace MeKi.Tool.Benchmarking;

/// <summary>Asks Linux to drop a file's pages from the page cache, so that the next reads come from the device.</summary>
internal static partial class PageCache
{
    private const int DontNeed = 4; // POSIX_FADV_DONTNEED

    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    /// <exception cref="IOException">The kernel refused.</exception>
    public static void Evict(string path)
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("--cold needs Linux: elsewhere a program cannot drop a file from the page cache.");
        using SafeFileHandle file = File.OpenHandle(path, options: FileOptions.RandomAccess);
        int error = posix_fadvise(file, 0, 0, DontNeed);
        if (error != 0)
            throw new RowFileException(path, "", $"the page cache could not be dropped (error {error})", "Run without --cold");
    }

    [LibraryImport("libc")]
    private static partial int posix_fadvise(SafeFileHandle file, nint offset, nint length, int advice);
}
