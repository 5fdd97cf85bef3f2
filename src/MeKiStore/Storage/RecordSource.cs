namespace MeKi.Store.Storage;

/// <summary>
/// The bytes of a file with rows, wherever they come from. Any number of threads may read at once; a read that has begun ends before the source closes.
/// </summary>
internal abstract class RecordSource : IDisposable
{
    /// <summary>The file.</summary>
    public abstract string Path { get; }

    /// <summary>Bytes of the file now.</summary>
    public abstract long Length { get; }

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="mapped">Whether to read through a memory map.</param>
    /// <param name="kind">What the file is, for messages.</param>
    /// <param name="remedy">What to do where it is missing.</param>
    /// <exception cref="RowFileException">The file is missing or cannot be opened.</exception>
    public static RecordSource Open(string path, bool mapped, string kind = "row file", string remedy = "Name the model.rows that 'meki convert' wrote")
    {
        try
        {
            return mapped ? new MappedSource(path) : new FileSource(path);
        }
        catch (UnusableFileException failure)
        {
            throw new RowFileException(path, "", failure.IsMissing ? $"the {kind} does not exist" : failure.Problem,
                failure.IsMissing || failure.Remedy.Length == 0 ? remedy : failure.Remedy, failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new RowFileException(path, "", failure.Message.TrimEnd('.'), remedy, failure);
        }
    }

    /// <summary>Reads to the last byte asked for: a storage device may give fewer at a time.</summary>
    /// <param name="target">Receives the bytes.</param>
    /// <param name="offset">The first byte's place in the file.</param>
    /// <exception cref="RowFileException">The device failed, or the file ends before the last byte.</exception>
    /// <exception cref="ObjectDisposedException">The source is closed.</exception>
    public void ReadFully(Span<byte> target, long offset)
    {
        while (target.Length > 0)
        {
            int read;
            try
            {
                read = Read(target, offset);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                throw new RowFileException(Path, $"byte {offset}", failure.Message.TrimEnd('.'), "Check the storage device", failure);
            }
            if (read == 0)
                throw new RowFileException(Path, $"byte {offset}", "the file ends here; it was truncated while open",
                    "Copy the file again and reload the model");
            target = target[read..];
            offset += read;
        }
    }

    /// <summary>Reads once.</summary>
    /// <returns>Bytes read, 0 only at the end of the file.</returns>
    public abstract int Read(Span<byte> target, long offset);

    /// <inheritdoc/>
    public abstract void Dispose();
}
