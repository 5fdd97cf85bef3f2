using System.ComponentModel;
using System.Diagnostics;
using MeKi.Store;

namespace MeKi.Tool.Benchmarking;

/// <summary>Asks Linux to drop a file's pages from the page cache, so that the next reads come from the device.</summary>
internal static class PageCache
{
    // The system call for it is no part of .NET; dd (GNU coreutils) makes it where it copies nothing.
    private const string Program = "dd";

    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    /// <exception cref="RowFileException">It could not be done.</exception>
    public static void Evict(string path)
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("--cold needs Linux: elsewhere a program cannot drop a file from the page cache.");
        try
        {
            ProcessStartInfo start = new(Program, [$"if={Path.GetFullPath(path)}", "iflag=nocache", "count=0", "status=none"]) { RedirectStandardError = true };
            using Process process = Process.Start(start)!;
            string problem = process.StandardError.ReadToEnd().Trim();
            process.WaitForExit();
            if (process.ExitCode != 0)
                throw Failed(path, problem, null);
        }
        catch (Win32Exception failure)
        {
            throw Failed(path, $"there is no program '{Program}'", failure);
        }
    }

    private static RowFileException Failed(string path, string problem, Exception? failure) =>
        new(path, "", $"the page cache could not be dropped ({problem.ReplaceLineEndings(" ")})", "Run without --cold", failure);
}
