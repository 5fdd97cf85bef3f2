using MeKi.Store.Storage;

namespace MeKi.Store;

/// <summary>Checks a whole row file against its checksums.</summary>
public static class RowFileCheck
{
    private const int PieceBytes = 1 << 20;

    // One thread computes while the other waits for the device: a core checks some 6 GB/s, more than a device brings.
    private const int Threads = 2;

    /// <summary>Reads the file once, front to back.</summary>
    /// <param name="path">The file.</param>
    /// <param name="progress">Told bytes of records checked and their sum; from any thread.</param>
    /// <param name="cancellationToken">Ends the check early.</param>
    /// <returns>What is wrong with each damaged group of records, in file order; empty for a sound file.</returns>
    /// <exception cref="RowFileException">The file is missing or unreadable, or its header is damaged.</exception>
    /// <exception cref="OperationCanceledException">The token asked to stop.</exception>
    public static IReadOnlyList<RowFileException> Run(string path, Action<long, long>? progress = null, CancellationToken cancellationToken = default)
    {
        using RecordSource source = RecordSource.Open(path, mapped: false);
        RowFileLayout layout = RowFileLayout.Read(source);
        RowFileException?[] damage = new RowFileException?[layout.Groups];
        long done = 0, total = layout.ChecksumOffset - RowFileLayout.DataOffset;
        int next = -1;
        try
        {
            Parallel.For(0, Threads, new ParallelOptions { MaxDegreeOfParallelism = Threads, CancellationToken = cancellationToken }, _ =>
            {
                GroupChecksums checksums = new(source, layout, PieceBytes, (bytes, _) =>
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    progress?.Invoke(Interlocked.Add(ref done, bytes), total);
                });
                for (int group; (group = Interlocked.Increment(ref next)) < damage.Length;)
                    damage[group] = checksums.Check(group);
            });
        }
        catch (AggregateException failures)
        {
            cancellationToken.ThrowIfCancellationRequested();
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
        return [.. damage.OfType<RowFileException>()];
    }
}
