namespace MeKi.Model.Conversion;

/// <summary>
/// A file in the making: written under a temporary name, flushed to the device and renamed when it is whole, deleted when it is not. Space is reserved first, so
/// that a full disk is met before the work and not after.
/// </summary>
internal sealed class PendingFile : IDisposable
{
    private const int DiskFull = 28;              // ENOSPC
    private const int DiskFullWindows = 0x70;     // ERROR_DISK_FULL

    // COR_E_IO: all that FileStream says when the space it is asked to reserve is not there, or is more than a file of this file system may have.
    private const int ReservationFailed = unchecked((int)0x80131620);

    private readonly string _path;
    private readonly string _temporary;
    private bool _kept;

    /// <param name="path">The name the whole file will have.</param>
    /// <param name="bytes">Its size.</param>
    /// <exception cref="ModelFileException">The folder is not writable or the disk has no room.</exception>
    public PendingFile(string path, long bytes)
    {
        (_path, _temporary) = (path, path + ".partial");
        try
        {
            Stream = new(_temporary, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                Share = FileShare.None,
                BufferSize = 1 << 20,
                PreallocationSize = bytes,
            });
        }
        catch (IOException failure) when (failure.HResult == ReservationFailed)
        {
            throw NoRoom(path, bytes, failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Describe(path, bytes, failure);
        }
    }

    public FileStream Stream { get; }

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
        Stream.Dispose();
        if (!_kept)
            File.Delete(_temporary);
    }

    /// <summary>Turns a failure to write into the project's exception.</summary>
    public static ModelFileException Describe(string path, long bytes, Exception failure)
    {
        bool full = (failure.HResult & 0xFFFF) is DiskFull or DiskFullWindows;
        return full
            ? NoRoom(path, bytes, failure)
            : new(path, "", $"cannot be written: {failure.Message.TrimEnd('.')}", "Choose a folder you may write to", failure);
    }

    private static ModelFileException NoRoom(string path, long bytes, Exception failure) =>
        new(path, "", $"the disk is full: {bytes / 1e6:n0} MB are needed", "Free space or choose another folder", failure);
}
