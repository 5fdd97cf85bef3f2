using MeKi.Quant;

namespace MeKi.Store.Tests;

/// <summary>A row file.</summary>
internal sealed class TableFile : RecordFile
{
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
        byte[] records = new byte[vocabulary * Layout.RecordStride];
        new Random(seed).NextBytes(records);
        using MemoryStream stream = new();
        RowFileWriter writer = new(stream, Layout);
        writer.Append(records);
        writer.Complete();
        Write(stream.ToArray());
    }

    public RowFileLayout Layout { get; }

    public override RecordLayout Records => Layout;

    public override RowStore Open(RowStoreOptions options) => RowStore.Open(Path, options);

    /// <summary>Changes a byte of a record in the file, not in what <see cref="RecordFile.Record"/> gives.</summary>
    public void Damage(int token)
    {
        using FileStream file = new(Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Position = Layout.RecordOffset(token) + 5;
        file.WriteByte((byte)~Record(token)[5]);
    }
}
