using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Store;

/// <summary>
/// An open row file: hands out the expert rows of tokens. A lease starts its reads at once and is waited for where a row is needed,
/// so the caller's work up to there hides the storage's latency. Safe for any number of threads.
/// </summary>
public sealed class RowStore : IDisposable
{
    private readonly SafeFileHandle _file;
    private long _rowsRead;
    private long _bytesRead;
    private long _waitTicks;

    private RowStore(SafeFileHandle file, RowFileLayout layout, string path) => (_file, Layout, Path) = (file, layout, path);

    /// <summary>The file's layout.</summary>
    public RowFileLayout Layout { get; }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What the store has done so far.</summary>
    public StoreCounters Counters =>
        new(Interlocked.Read(ref _rowsRead), Interlocked.Read(ref _bytesRead), Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _waitTicks)));

    /// <summary>Opens a row file and checks its header and length.</summary>
    /// <exception cref="RowFileException">The file is missing, unreadable, damaged, truncated or of another version.</exception>
    public static RowStore Open(string path)
    {
        SafeFileHandle file;
        try
        {
            file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.RandomAccess);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            bool missing = failure is FileNotFoundException or DirectoryNotFoundException;
            throw new RowFileException(path, "", missing ? "the row file does not exist" : failure.Message.TrimEnd('.'), "Name the model.rows that 'meki convert' wrote", failure);
        }
        try
        {
            byte[] header = new byte[RowFileLayout.HeaderBytes];
            long length = RandomAccess.GetLength(file);
            if (length < header.Length)
                throw new RowFileException(path, "header", $"the file has {length} bytes, less than its header's {header.Length}", "Copy the file again or convert again");
            ReadFully(file, header, 0, path);
            RowFileLayout layout = RowFileLayout.FromHeader(header, path);
            if (length != layout.FileBytes)
                throw new RowFileException(path, "length", $"the file has {length} bytes, not the {layout.FileBytes} its header tells", "Copy the file again or convert again");
            return new(file, layout, path);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Begins to read the records of some tokens; each distinct token is read once.</summary>
    /// <param name="tokens">Token ids; the lease's rows come in this order.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    public RowLease Lease(ReadOnlySpan<int> tokens) => new(this, tokens);

    /// <summary>Closes the file. Reads that have not begun end with an error.</summary>
    public void Dispose() => _file.Dispose();

    internal void ReadRecords(int token, int count, Span<byte> records)
    {
        Span<byte> target = records[..(count * Layout.RecordStride)];
        bool held = false;
        try
        {
            // The file stays open until a read that has begun is over.
            _file.DangerousAddRef(ref held);
            ReadFully(_file, target, Layout.RecordOffset(token), Path);
        }
        finally
        {
            if (held)
                _file.DangerousRelease();
        }
        Interlocked.Add(ref _rowsRead, (long)count * Layout.Layers);
        Interlocked.Add(ref _bytesRead, target.Length);
    }

    internal void AddWait(long ticks) => Interlocked.Add(ref _waitTicks, ticks);

    private static void ReadFully(SafeFileHandle file, Span<byte> target, long offset, string path)
    {
        while (target.Length > 0)
        {
            int read;
            try
            {
                read = RandomAccess.Read(file, target, offset);
            }
            catch (IOException failure)
            {
                throw new RowFileException(path, $"byte {offset}", failure.Message.TrimEnd('.'), "Check the storage device", failure);
            }
            if (read == 0)
                throw new RowFileException(path, $"byte {offset}", "the file ends here; it was truncated while open", "Copy the file again and reload the model");
            target = target[read..];
            offset += read;
        }
    }
}
