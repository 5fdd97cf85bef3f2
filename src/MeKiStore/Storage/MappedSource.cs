using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Store.Storage;

/// <summary>
/// Reads through a memory map: a read is a copy out of the page cache, without a system call where the page is present. A page that is not is fetched by the
/// fault, with what the operating system chooses to read around it.
/// </summary>
/// <remarks>
/// A file that another process shortens while it is mapped ends this process with a bus error when the lost pages are read; no check can prevent that.
/// </remarks>
internal sealed class MappedSource : RecordSource
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;

    /// <exception cref="UnusableFileException">The file is missing or cannot be opened.</exception>
    public MappedSource(string path)
    {
        Path = path;
        using SafeFileHandle file = RegularFile.Open(path, FileOptions.RandomAccess);
        Length = RandomAccess.GetLength(file);
        _map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        try
        {
            _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        }
        catch
        {
            _map.Dispose();
            throw;
        }
    }

    public override string Path { get; }

    public override long Length { get; }

    public override int Read(Span<byte> target, long offset)
    {
        int count = (int)Math.Min(target.Length, Length - offset);
        // Holds a reference for as long as it copies: closing waits.
        _view.SafeMemoryMappedViewHandle.ReadSpan((ulong)offset, target[..count]);
        return count;
    }

    public override void Dispose()
    {
        _view.Dispose();
        _map.Dispose();
    }
}
