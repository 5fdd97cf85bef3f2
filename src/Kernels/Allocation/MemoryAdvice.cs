using System.Runtime.InteropServices;

namespace MeKi.Kernels.Allocation;

/// <summary>
/// Tells Linux how memory is used. Advice needs no rights and changes no byte that is read; other systems get none.
/// </summary>
/// <remarks>madvise(2). The one place of the libraries that calls libc, for which .NET has no class.</remarks>
internal static partial class MemoryAdvice
{
    private const int NotNeeded = 4; // MADV_DONTNEED

    private static volatile bool s_unknown;

    /// <summary>
    /// Takes a part of a mapped file out of the process's memory; where it is read once more it comes back from the page cache. Memory that is no file's would
    /// lose its bytes.
    /// </summary>
    /// <param name="address">The first byte.</param>
    /// <param name="length">Bytes; pages that belong to it in part stay.</param>
    public static unsafe void LetGoOfFile(byte* address, long length)
    {
        nint page = Environment.SystemPageSize, first = ((nint)address + page - 1) & -page, end = ((nint)address + (nint)length) & -page;
        if (length > 0 && first < end)
            _ = Give(first, end, NotNeeded);
    }

    /// <summary>Gives advice on whole pages.</summary>
    /// <returns>Whether the system took it.</returns>
    public static bool Give(nint first, nint end, int advice)
    {
        if (!OperatingSystem.IsLinux() || s_unknown)
            return false;
        try
        {
            return madvise(first, (nuint)(end - first), advice) == 0;
        }
        catch (Exception failure) when (failure is DllNotFoundException or EntryPointNotFoundException)
        {
            s_unknown = true;
            return false;
        }
    }

    [LibraryImport("libc")]
    private static partial int madvise(nint address, nuint length, int advice);
}
