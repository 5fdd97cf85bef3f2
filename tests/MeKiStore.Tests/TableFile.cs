using MeKi.Quant;

namespace MeKi.Store.Tests;

/// <summary>A row file of random bytes, and what its records should be.</summary>
internal sealed class TableFile : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meki-test-");
    private readonly byte[] _file;

    public TableFile(int vocabulary, int layers = 2, int dimension = 16, RowType type = RowType.F32, int seed = 1)
    {
        Layout = new()
        {
            Identity = new([.. Enumerable.Range(1, 32).Select(i => (byte)i)]),
            VocabularySize = vocabulary,
            Layers = layers,
            Dimension = dimension,
            Type = type,
        };
        Path = System.IO.Path.Combine(_folder.FullName, "model.rows");
        byte[] records = new byte[vocabulary * Layout.RecordStride];
        new Random(seed).NextBytes(records);
        using (FileStream stream = File.Create(Path))
        {
            RowFileWriter writer = new(stream, Layout);
            writer.Append(records);
            writer.Complete();
        }
        _file = File.ReadAllBytes(Path);
    }

    public RowFileLayout Layout { get; }

    public string Path { get; }

    public ReadOnlySpan<byte> Record(int token) => _file.AsSpan((int)Layout.RecordOffset(token), Layout.RecordStride);

    /// <summary>Opens the file behind a source that does as it is told.</summary>
    public RowStore Open(out ScriptedSource source, long cacheBytes = 1 << 20)
    {
        ScriptedSource? scripted = null;
        RowStore store = RowStore.Open(Path, new() { CacheBytes = cacheBytes, Before = file => scripted = new(file) });
        source = scripted!;
        return store;
    }

    /// <summary>Changes a byte of a record in the file, not in what <see cref="Record"/> gives.</summary>
    public void Damage(int token)
    {
        using FileStream file = new(Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Position = Layout.RecordOffset(token) + 5;
        file.WriteByte((byte)~Record(token)[5]);
    }

    public void AssertRecords(RowLease lease, ReadOnlySpan<int> tokens)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            if (!lease.Record(i).SequenceEqual(Record(tokens[i])))
                Assert.Fail($"token {tokens[i]}, place {i} of {tokens.Length}: not the file's record");
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
