using System.IO.MemoryMappedFiles;
using MeKi.Kernels.Allocation;
using MeKi.Store.Storage;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Model.Files;

/// <summary>
/// A whole file mapped read-only into memory, or read into it. References are counted: the opener holds one until <see cref="Dispose"/>, and whoever computes
/// on the bytes takes another with <see cref="TryAddReference"/>, so that the mapping outlives a <see cref="Dispose"/> in the middle of a computation.
/// All members may be called from any thread.
/// </summary>
/// <remarks>
/// A file that another process shortens while it is mapped ends the process with a bus error when the lost pages are read; no check can prevent that. A copy
/// does not depend on the file any more. A mapping that is never disposed stays until the process ends: unmapping from a finalizer could pull the bytes from
/// under a raw pointer.
/// </remarks>
public sealed unsafe class MappedFile : IDisposable
{
    private const int ReadBytes = 1 << 30;

    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly ArenaPiece? _copy;
    private byte* _pointer;
    private int _references = 1;
    private int _disposed;

    private MappedFile(string path, MemoryMappedFile map, MemoryMappedViewAccessor view, long length)
    {
        Path = path;
        Length = length;
        _map = map;
        _view = view;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref _pointer);
        _pointer += view.PointerOffset;
    }

    private MappedFile(string path, ArenaPiece copy, long length)
    {
        (Path, Length, _copy) = (path, length, copy);
        _pointer = copy.Address;
    }

    /// <summary>The path as it was given to <see cref="Open"/>.</summary>
    public string Path { get; }

    /// <summary>The size of the file in bytes, at least 1.</summary>
    public long Length { get; }

    /// <summary>The first byte of the file, page-aligned. Valid while a reference is held.</summary>
    /// <exception cref="ObjectDisposedException">The last reference is gone.</exception>
    public byte* Pointer
    {
        get
        {
            byte* pointer = _pointer;
            ObjectDisposedException.ThrowIf(pointer is null, this);
            return pointer;
        }
    }

    /// <summary>Maps a file.</summary>
    /// <param name="path">A regular file that is not empty; symbolic links are followed.</param>
    /// <param name="copy">Whether to read it into memory instead.</param>
    /// <exception cref="ModelFileException">The file is missing, a folder, empty, or cannot be read; or it was shortened while it was read.</exception>
    public static MappedFile Open(string path, bool copy = false)
    {
        using SafeFileHandle handle = OpenHandle(path);
        return OfHandle(path, handle, copy);
    }

    /// <summary>Opens a file that is to be mapped.</summary>
    /// <exception cref="ModelFileException">The file is missing, a folder, empty, or cannot be read.</exception>
    internal static SafeFileHandle OpenHandle(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            return RegularFile.Open(path);
        }
        catch (UnusableFileException e)
        {
            throw new ModelFileException(path, "", e.Problem, e.Remedy, e);
        }
    }

    /// <summary>Maps a file that is open.</summary>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="handle">The file; may be closed afterwards.</param>
    /// <param name="copy">Whether to read it into memory instead.</param>
    /// <param name="later">Whether to leave reading to <see cref="ReadCopy"/>.</param>
    /// <exception cref="ModelFileException">It cannot be mapped, or it was shortened while it was read.</exception>
    internal static MappedFile OfHandle(string path, SafeFileHandle handle, bool copy, bool later = false)
    {
        try
        {
            long length = RandomAccess.GetLength(handle);
            if (!copy)
                return Map(path, handle, length);
            MappedFile file = new(path, new Arena(length, hugePages: true).Allocate(length), length);
            if (!later)
                file.ReadCopy(handle, []);
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ModelFileException(path, "", $"cannot be {(copy ? "read" : "mapped")} ({e.Message.TrimEnd('.')})", "Check the file system it lies on", e);
        }
        catch (OutOfMemoryException e)
        {
            throw new ModelFileException(path, "", copy ? "does not fit into memory" : "does not fit into the address space",
                copy ? "Map it instead" : "Raise the limit of virtual memory (ulimit -v)", e);
        }
    }

    /// <summary>A part of the file. Valid while a reference is held.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside the file.</exception>
    /// <exception cref="ObjectDisposedException">The last reference is gone.</exception>
    public ReadOnlySpan<byte> Span(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return new(Pointer + offset, length);
    }

    /// <summary>
    /// Has the operating system put a part of the file where the first use would otherwise fault it in, 16 pages at a time: reads a byte of each page. Ends
    /// early once the file is disposed. A reference must be held.
    /// </summary>
    internal void Touch(long offset, long length)
    {
        for (long end = offset + length; offset < end && Volatile.Read(ref _disposed) == 0; offset += Environment.SystemPageSize)
            Volatile.Read(ref _pointer[offset]);
    }

    /// <summary>Keeps the mapping alive until the matching <see cref="ReleaseReference"/>. Does not allocate.</summary>
    /// <returns>False after <see cref="Dispose"/>: the bytes must not be used.</returns>
    public bool TryAddReference()
    {
        int seen = Volatile.Read(ref _references);
        while (seen > 0 && Volatile.Read(ref _disposed) == 0)
        {
            int before = Interlocked.CompareExchange(ref _references, seen + 1, seen);
            if (before == seen)
                return true;
            seen = before;
        }
        return false;
    }

    /// <summary>Gives back a reference taken with <see cref="TryAddReference"/>; the last one unmaps the file.</summary>
    public void ReleaseReference()
    {
        if (Interlocked.Decrement(ref _references) != 0)
            return;
        _pointer = null;
        _copy?.Dispose();
        _view?.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _map?.Dispose();
    }

    /// <summary>Reads the file into the memory that was taken for it, once; on failure gives that back.</summary>
    /// <param name="handle">The file.</param>
    /// <param name="without">Parts that nobody will look at, in order of their offsets: they take no memory.</param>
    /// <exception cref="ModelFileException">The file cannot be read, or was shortened.</exception>
    internal void ReadCopy(SafeFileHandle handle, ReadOnlySpan<(long Offset, long Length)> without)
    {
        try
        {
            long at = 0;
            foreach ((long offset, long length) in without)
            {
                Read(handle, at, offset);
                at = offset + length;
            }
            Read(handle, at, Length);
        }
        catch (IOException failure)
        {
            Dispose();
            throw Unreadable(Path, failure);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What a failed read of a file that could be opened is told as.</summary>
    internal static ModelFileException Unreadable(string path, IOException failure) =>
        new(path, "", $"cannot be read ({failure.Message.TrimEnd('.')})", "Check the storage device", failure);

    private void Read(SafeFileHandle handle, long from, long to)
    {
        for (long at = from, read; at < to; at += read)
        {
            read = RandomAccess.Read(handle, new Span<byte>(_pointer + at, (int)Math.Min(to - at, ReadBytes)), at);
            if (read == 0)
            {
                throw new ModelFileException(Path, $"byte {at}", $"the file ends here and not after {Length} bytes: it was shortened while it was read",
                    "Copy it again");
            }
        }
    }

    /// <summary>
    /// Takes a part of a mapping out of the process's memory, until it is read once more: of weights that were packed one copy is enough. Does nothing to a
    /// copy. A reference must be held.
    /// </summary>
    internal void LetGo(long offset, long length)
    {
        if (_copy is null)
            MemoryAdvice.LetGoOfFile(Pointer + offset, length);
    }

    /// <summary>Gives back the memory of a copy that nobody reads any more, while references go on being counted. Does nothing to a mapping.</summary>
    internal void FreeCopy()
    {
        if (_copy is null)
            return;
        _pointer = null;
        _copy.Dispose();
    }

    /// <summary>Gives back the opener's reference; the file is unmapped when no other is left. Further calls do nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            ReleaseReference();
    }

    private static MappedFile Map(string path, SafeFileHandle handle, long length)
    {
        MemoryMappedFile? map = null;
        MemoryMappedViewAccessor? view = null;
        try
        {
            map = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            return new(path, map, view, length);
        }
        catch
        {
            view?.Dispose();
            map?.Dispose();
            throw;
        }
    }
}
