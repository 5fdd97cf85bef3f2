using MeKi.Quant;

namespace MeKi.Store.Tests;

/// <summary>One lease given batch after batch, in every overlap of its owner with the thread that reads.</summary>
public sealed class RowLeaseTests : IDisposable
{
    private const int Vocabulary = 400, Layers = 2, Dimension = 16;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meki-test-");
    private readonly RowStore _store;

    public RowLeaseTests()
    {
        using (FileStream stream = File.Create(FilePath))
        {
            RowFileWriter writer = new(stream, Layout);
            byte[] record = new byte[Layout.RecordStride];
            for (int token = 0; token < Vocabulary; token++)
            {
                for (int layer = 0; layer < Layers; layer++)
                    RowCodec.Encode(Layout, [.. Enumerable.Range(0, Dimension).Select(i => Value(token, layer, i))], layer, record);
                writer.Append(record);
            }
            writer.Complete();
        }
        _store = RowStore.Open(FilePath);
    }

    private static RowFileLayout Layout { get; } = new()
    {
        Identity = new([.. Enumerable.Range(1, 32).Select(i => (byte)i)]),
        VocabularySize = Vocabulary,
        Layers = Layers,
        Dimension = Dimension,
        Type = RowType.F32,
    };

    private string FilePath => Path.Combine(_folder.FullName, "model.rows");

    public void Dispose()
    {
        _store.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void A_renewed_lease_has_the_rows_of_its_last_tokens()
    {
        // More owners than processors, so that readers are late and owners overtake them; some requests are dropped unread, some abandoned while they are read.
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, owner =>
        {
            Random random = new(owner);
            using RowLease lease = _store.Lease([random.Next(Vocabulary)]);
            for (int round = 0; round < 20_000; round++)
            {
                int[] tokens = [.. Enumerable.Range(0, random.Next(8) == 0 ? random.Next(1, 12) : 1).Select(_ => random.Next(Vocabulary))];
                lease.Renew(tokens);
                Assert.True(lease.IsFor(tokens));
                Thread.SpinWait(random.Next(4) switch { 0 => 0, 1 => 20, 2 => 200, _ => random.Next(1_000) });
                if (random.Next(3) > 0)
                    Check(lease, tokens);
            }
        });
    }

    [Fact]
    public void Requests_that_a_busy_thread_pool_never_came_to_are_read_by_their_owner()
    {
        // Every thread of the pool is held: nobody but the owner can read.
        ThreadPool.GetMinThreads(out int workers, out _);
        using ManualResetEventSlim release = new();
        using CountdownEvent held = new(workers);
        for (int i = 0; i < workers; i++)
            ThreadPool.UnsafeQueueUserWorkItem(_ =>
            {
                held.Signal();
                release.Wait();
            }, null);
        held.Wait();
        try
        {
            using RowLease lease = _store.Lease([0]);
            for (int token = 0; token < Vocabulary; token++)
            {
                lease.Renew([token]);
                Check(lease, [token]);
            }
        }
        finally
        {
            release.Set();
        }
    }

    [Fact]
    public void A_failed_read_surfaces_once_waited_for_and_the_lease_goes_on()
    {
        using (FileStream file = new(FilePath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(Layout.RecordOffset(50) + 3);
        using RowLease lease = _store.Lease([49]);
        for (int round = 0; round < 200; round++)
        {
            lease.Renew([3, 50]);
            Assert.Throws<RowFileException>(() => lease.Decode(1, 0, new float[Dimension]));
            Assert.False(lease.IsFor([3, 50]));
            Assert.Throws<RowFileException>(() => lease.Decode(1, 0, new float[Dimension]));
            Check(lease, [3]);
            lease.Renew([49, 3]);
            Check(lease, [49, 3]);
        }
    }

    [Fact]
    public void Tokens_outside_the_vocabulary_leave_the_lease_as_it_was()
    {
        using RowLease lease = _store.Lease([7, 8]);
        Assert.Throws<ArgumentOutOfRangeException>(() => lease.Renew([1, Vocabulary]));
        Assert.True(lease.IsFor([7, 8]));
        Check(lease, [7, 8]);
    }

    [Fact]
    public void A_disposed_lease_has_no_rows()
    {
        for (int round = 0; round < 500; round++)
        {
            RowLease lease = _store.Lease([round % Vocabulary]);
            Thread.SpinWait(round);
            lease.Dispose();
            lease.Dispose();
            Assert.False(lease.IsFor([round % Vocabulary]));
            Assert.Throws<ObjectDisposedException>(() => lease.Decode(0, 0, new float[Dimension]));
            Assert.Throws<ObjectDisposedException>(() => lease.Renew([1]));
        }
    }

    [Fact]
    public void Renewing_allocates_nothing()
    {
        using RowLease lease = _store.Lease([5, 6, 7]);
        float[] row = new float[Dimension];
        ReadOnlySpan<int> batch = [9, 2, 9];
        // The thread pool may start a thread in the midst of it, on this one's account; a lease that allocated would do so each time.
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 20 && least > 0; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int round = 0; round < 500; round++)
                Round(lease, batch, row);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(0, least);

        static void Round(RowLease lease, ReadOnlySpan<int> batch, float[] row)
        {
            lease.Renew([4]);
            lease.Renew(batch);
            lease.Decode(1, 0, row);
        }
    }

    private static float Value(int token, int layer, int i) => token * 100 + layer * 50 + i;

    private static void Check(RowLease lease, int[] tokens)
    {
        Span<float> row = stackalloc float[Dimension];
        for (int i = 0; i < tokens.Length; i++)
        {
            lease.Decode(i, 1, row);
            if (row[0] != Value(tokens[i], 1, 0) || row[^1] != Value(tokens[i], 1, Dimension - 1))
                Assert.Fail($"token {tokens[i]}, place {i}: the row begins with {row[0]} and ends with {row[^1]}");
        }
    }
}
