using MeKi.Quant;

namespace MeKi.Store.Tests;

/// <summary>A table at an odd place among a model file's other bytes.</summary>
internal sealed class TensorFile : RecordFile
{
    public TensorFile(int vocabulary, int layers = 2, int dimension = 16, GgmlType type = GgmlType.F32, int seed = 1, int offset = 1003, int spareRows = 3)
    {
        Random random = new(seed);
        BlockFormat format = BlockFormat.Of(type);
        byte[] bytes = new byte[offset + (vocabulary + spareRows) * (int)format.RowBytes(layers * dimension) + random.Next(3000)];
        random.NextBytes(bytes);
        Write(bytes);
        Table = new(Path, "per_layer_token_embd.weight", type, vocabulary + spareRows, layers * dimension, offset, bytes.Length);
        Layout = RowTableLayout.Of(Table, vocabulary, layers, dimension);
    }

    /// <summary>What the model file tells of it.</summary>
    public RowTable Table { get; }

    public RowTableLayout Layout { get; }

    public override RecordLayout Records => Layout;

    public override RowTableStore Open(RowStoreOptions options) => RowTableStore.Open(Table, Layout.VocabularySize, Layout.Layers, Layout.Dimension, options);
}
