using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Store.Storage;

/// <summary>Opens files to read. Pipes and devices are refused before they are opened, which would wait for whoever writes to them or set off what the
/// device does.</summary>
internal static class RegularFile
{
    private const int MaxLinks = 40;

    /// <summary>Opens a file that has bytes; symbolic links are followed.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Hints for the operating system.</param>
    /// <param name="isText">Whether the file may hold any text: then it may be an HTML page, too.</param>
    /// <exception cref="UnusableFileException">The file is missing, a folder, empty, not a regular file, or may not be read.</exception>
    public static SafeFileHandle Open(string path, FileOptions options = FileOptions.None, bool isText = false)
    {
        try
        {
            FileInfo link = new(path);
            FileInfo file = link.Exists && link.Attributes.HasFlag(FileAttributes.ReparsePoint) ? Follow(link) : link;
            if (!file.Exists)
            {
                throw Directory.Exists(path) ? new UnusableFileException("is a folder where a file is needed", "")
                    // What has no name, such as the pipe of /dev/stdin, is linked to as well.
                    : link.Exists ? new UnusableFileException("is a link to no file, or to none that is regular", "Check where it leads to")
                    : new UnusableFileException("does not exist", "Check the path") { IsMissing = true };
            }
            // Only regular files have a length.
            if (file.Length == 0)
                throw Empty();
            SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, options);
            try
            {
                if (RandomAccess.GetLength(handle) == 0)
                    throw Empty();
                RefuseStandIn(handle, isText);
                return handle;
            }
            catch
            {
                handle.Dispose();
                throw;
            }
        }
        catch (UnusableFileException)
        {
            throw;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            string reason = e is UnauthorizedAccessException ? "may not be read by this user" : $"cannot be opened ({e.Message.TrimEnd('.')})";
            throw new UnusableFileException(reason, "Check the path and its permissions", e);
        }
    }

    /// <summary>Reads a whole file of limited size. An empty one gives no bytes, and so does what is not a regular file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="most">The most bytes it may have.</param>
    /// <param name="isText">See <see cref="Open"/>.</param>
    /// <exception cref="UnusableFileException">As for <see cref="Open"/>, or the file is too large or cannot be read.</exception>
    public static byte[] ReadAllBytes(string path, int most, bool isText = false)
    {
        try
        {
            using SafeFileHandle handle = Open(path, FileOptions.SequentialScan, isText);
            long length = RandomAccess.GetLength(handle);
            if (length > most)
                throw new UnusableFileException($"has {length} bytes where at most {most} are read", "Check that it is the right file");
            byte[] bytes = new byte[length];
            for (int done = 0; done < bytes.Length;)
            {
                int read = RandomAccess.Read(handle, bytes.AsSpan(done), done);
                done += read > 0 ? read : throw new EndOfStreamException("it became shorter while it was read");
            }
            return bytes;
        }
        catch (UnusableFileException failure) when (failure.IsEmpty)
        {
            return [];
        }
        catch (Exception failure) when (failure is not UnusableFileException && failure is IOException or UnauthorizedAccessException)
        {
            throw new UnusableFileException($"cannot be read ({failure.Message.TrimEnd('.')})", "Check the storage device", failure);
        }
    }

    /// <summary>What a link leads to. .NET tells of a link what the link itself is, and takes "x/.." for nothing where x is a link to another folder.</summary>
    private static FileInfo Follow(FileInfo link)
    {
        if (OperatingSystem.IsWindows())
            return link.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? link;
        Stack<string> ahead = new();
        Push(link.FullName);
        string real = "/";
        for (int links = 0; ahead.TryPop(out string? name);)
        {
            if (name is "" or "." or "..")
            {
                real = name == ".." ? Path.GetDirectoryName(real) ?? "/" : real;
                continue;
            }
            string next = Path.Join(real, name);
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                real = next;
                continue;
            }
            if (++links > MaxLinks)
                throw new IOException("too many links");
            if (target.StartsWith('/'))
                real = "/";
            Push(target);
        }
        return new(real);

        void Push(string names)
        {
            foreach (string name in names.Split('/').Reverse())
                ahead.Push(name);
        }
    }

    /// <summary>Refuses what downloads leave in the place of a large file.</summary>
    private static void RefuseStandIn(SafeFileHandle handle, bool isText)
    {
        Span<byte> start = stackalloc byte[64];
        start = start[..RandomAccess.Read(handle, start, 0)];
        if (start.StartsWith("version https://git-lfs.github.com/spec/"u8))
            throw new UnusableFileException("is a Git LFS pointer: it names the file, and is not the file itself", "Fetch it with 'git lfs pull'");
        string text = Encoding.Latin1.GetString(start.StartsWith(Encoding.UTF8.Preamble) ? start[Encoding.UTF8.Preamble.Length..] : start).TrimStart();
        if (!isText && new[] { "<!doctype html", "<html", "<head", "<!--" }.Any(tag => text.StartsWith(tag, StringComparison.OrdinalIgnoreCase)))
            throw new UnusableFileException("is an HTML page and not the file itself", "Download the file again: the page may say why it was not given");
    }

    private static UnusableFileException Empty() =>
        new("is empty or not a regular file (the file has 0 bytes)", "Download or convert it again; pipes and devices are not read") { IsEmpty = true };
}

/// <summary>A file cannot be opened or read. Who asked for it makes its own exception of it.</summary>
internal sealed class UnusableFileException(string problem, string remedy, Exception? cause = null) : IOException(problem, cause)
{
    public string Problem => Message;

    public string Remedy => remedy;

    public bool IsMissing { get; init; }

    public bool IsEmpty { get; init; }
}
