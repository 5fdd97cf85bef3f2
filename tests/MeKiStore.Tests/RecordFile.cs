namespace MeKi.Store.Tests;

/// <summary>A file with a record of random bytes for each token, and what its records should be: a row file, or a table within a model file.</summary>
internal abstract class RecordFile : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meki-test-");

    /// <summary>Both kinds of files.</summary>
    public static TheoryData<bool> Kinds => [false, true];

    /// <summary>Where the records lie.</summary>
    public abstract RecordLayout Records { get; }

    public string Path => System.IO.Path.Combine(_folder.FullName, "records");

    /// <summary>The whole file as it was written.</summary>
    protected byte[] Bytes { get; private set; } = [];

    /// <summary>A file of 2 rows of 16 float32 values for each token.</summary>
    public static RecordFile Of(bool withinModel, int vocabulary, int seed = 1) =>
        withinModel ? new TensorFile(vocabulary, seed: seed) : new TableFile(vocabulary, seed: seed);

    public ReadOnlySpan<byte> Record(int token) => Bytes.AsSpan((int)Records.RecordOffset(token), Records.RecordStride);

    public abstract RecordStore Open(RowStoreOptions options);

    /// <summary>Opens the file behind a source that does as it is told.</summary>
    public RecordStore Open(out ScriptedSource source, long cacheBytes = 1 << 20)
    {
        ScriptedSource? scripted = null;
        RecordStore store = Open(new() { CacheBytes = cacheBytes, Before = file => scripted = new(file) });
        source = scripted!;
        return store;
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

    protected void Write(byte[] bytes)
    {
        Bytes = bytes;
        File.WriteAllBytes(Path, bytes);
    }
}
