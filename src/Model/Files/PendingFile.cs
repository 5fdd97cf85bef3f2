using System.Globalization;

namespace MeKi.Model.Files;

/// <summary>
/// A file in the making: written under a temporary name that no other file has, flushed to the device and renamed when it is whole, deleted when it is not.
/// Space is reserved first, so that a full disk is met before the work and not after. A link of the final name is replaced, what it leads to stays.
/// </summary>
internal sealed class PendingFile : IDisposable
{
    private const int DiskFull = 28;              // ENOSPC
    private const int DiskFullWindows = 0x70;     // ERROR_DISK_FULL
    private const int NotReserved = 0x1620;       // COR_E_IO: what FileStream throws where it cannot reserve the space

    private readonly string _path;
    private readonly string _temporary;
    private bool _kept;

    /// <param name="path">The name the whole file will have.</param>
    /// <param name="bytes">Its size.</param>
    /// <exception cref="ModelFileException">The folder is not writable or the disk has no room.</exception>
    public PendingFile(string path, long bytes)
    {
        // As short as any file system takes; the same folder, since a rename cannot leave its file system.
        (_path, _temporary) = (path, Path.Combine(Path.GetDirectoryName(path) ?? "", $"meki-{Guid.NewGuid():n}.partial"));
        if (Directory.Exists(path))
            throw new ModelFileException(path, "", "cannot be written: it is a folder", "Remove it or choose another folder");
        try
        {
            Stream = new(_temporary, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.None,
                BufferSize = 1 << 20,
                PreallocationSize = bytes,
            });
        }
        catch (Exception failure) when (IsFailure(failure))
        {
            Delete();
            throw Describe(path, bytes, failure);
        }
    }

    public FileStream Stream { get; }

    /// <summary>Writes a file that is there as a whole or not at all.</summary>
    /// <param name="path">Its name; what had it is replaced.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="write">Writes it.</param>
    /// <exception cref="ModelFileException">It cannot be written.</exception>
    public static void Write(string path, long bytes, Action<Stream> write)
    {
        using PendingFile file = new(path, bytes);
        try
        {
            write(file.Stream);
            file.Complete();
            file.Publish();
        }
        catch (Exception failure) when (IsFailure(failure))
        {
            throw Describe(path, 0, failure);
        }
    }

    /// <summary>Makes the bytes durable. The file still has its temporary name.</summary>
    public void Complete()
    {
        Stream.Flush(flushToDisk: true);
        Stream.Dispose();
    }

    /// <summary>Gives a completed file its name, replacing what had it.</summary>
    public void Publish()
    {
        File.Move(_temporary, _path, overwrite: true);
        _kept = true;
    }

    public void Dispose()
    {
        if (_kept)
            return;
        try
        {
            Stream.Dispose();
        }
        catch (Exception failure) when (IsFailure(failure))
        {
            // What was buffered did not fit either; the failure that brought us here is the one to report.
        }
        Delete();
    }

    private void Delete()
    {
        try
        {
            File.Delete(_temporary);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Nor can it be deleted where the device has failed or became read-only.
        }
    }

    /// <summary>Whether an exception is a failure to write; the base library makes an argument of EFBIG.</summary>
    public static bool IsFailure(Exception failure) =>
        failure is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" };

    /// <summary>Turns a failure to write into the project's exception.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="bytes">What was to be reserved; 0 when the failure came later.</param>
    /// <param name="failure">The failure.</param>
    public static ModelFileException Describe(string path, long bytes, Exception failure)
    {
        if (failure is ArgumentOutOfRangeException)
        {
            return new(path, "", "would be larger than its file system or this process may make files", "Raise the limit (ulimit -f) or choose another folder",
                failure);
        }
        int code = failure.HResult & 0xFFFF;
        bool full = code is DiskFull or DiskFullWindows || (code == NotReserved && bytes > 0);
        return full
            ? new(path, "", $"the disk is full{(bytes > 0 ? string.Create(CultureInfo.InvariantCulture, $": {bytes / 1e6:n1} MB are needed") : "")}",
                "Free space or choose another folder", failure)
            : new(path, "", $"cannot be written: {Reason(failure)}", "Choose a folder you may write to", failure);
    }

    // The message of these names the temporary file, which nobody knows.
    private static string Reason(Exception failure) => failure switch
    {
        DirectoryNotFoundException => "its folder does not exist",
        UnauthorizedAccessException => "this user may not write there",
        _ => failure.Message.TrimEnd('.'),
    };
}
