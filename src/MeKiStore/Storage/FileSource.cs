using Microsoft.Win32.SafeHandles;

namespace MeKi.Store.Storage;

/// <summary>
/// Positional reads from a file. The operating system is told that access is random: it does not read ahead, which would cost a slow device more than the
/// record.
/// </summary>
internal sealed class FileSource : RecordSource
{
    private readonly SafeFileHandle _file;

    /// <exception cref="UnusableFileException">The file is missing or cannot be opened.</exception>
    public FileSource(string path)
    {
        Path = path;
        _file = RegularFile.Open(path, FileOptions.RandomAccess);
    }

    public override string Path { get; }

    public override long Length => RandomAccess.GetLength(_file);

    public override int Read(Span<byte> target, long offset) => RandomAccess.Read(_file, target, offset);

    public override void Dispose() => _file.Dispose();
}
