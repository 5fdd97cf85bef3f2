using MeKi.Store.Storage;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Model.Files;

/// <summary>Tells whether two names lead to one file, through links of either kind, mounted folders or a file system that ignores case.</summary>
internal static class FileIdentity
{
    /// <param name="read">A file that is read.</param>
    /// <param name="written">A file that may exist and is to be replaced.</param>
    /// <remarks>.NET knows no inode numbers. But a file that is open here for reading cannot be opened by another name for one user alone.</remarks>
    public static bool Same(string read, string written)
    {
        try
        {
            using SafeFileHandle one = RegularFile.Open(read);
            using (SafeFileHandle other = RegularFile.Open(written))
            {
                if (RandomAccess.GetLength(one) != RandomAccess.GetLength(other) || File.GetLastWriteTimeUtc(one) != File.GetLastWriteTimeUtc(other))
                    return false;
            }
            // A file system without locks lets the file itself be opened twice: then length and time have to do.
            return !CanOpenAlone(written) || CanOpenAlone(read);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // One of them cannot be opened, which whoever reads or writes it reports; or the one can and the other cannot.
            return false;
        }
    }

    private static bool CanOpenAlone(string path)
    {
        try
        {
            File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.None).Dispose();
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
