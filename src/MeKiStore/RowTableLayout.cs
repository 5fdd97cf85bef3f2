using MeKi.Quant;

namespace MeKi.Store;

/// <summary>
/// Rows that lie in a tensor of a model file: <c>per_layer_token_embd.weight</c> of Gemma 3n and 4. A record is a row of the tensor, in whole blocks, at
/// whatever offset the file has it, and has no checksum.
/// </summary>
internal sealed record RowTableLayout : RecordLayout
{
    private RowTableLayout()
    {
    }

    /// <summary>How values are stored.</summary>
    public required BlockFormat Format { get; init; }

    /// <summary>Offset of the first record.</summary>
    public required long Offset { get; init; }

    public override int RecordStride => Layers * RowBytes;

    /// <summary>Offset behind the last record of the vocabulary.</summary>
    public long End => RecordOffset(VocabularySize);

    private int RowBytes => Dimension / Format.BlockSize * Format.BlockBytes;

    /// <summary>Checks what a file tells of a table against a model that needs rows.</summary>
    /// <param name="table">The table.</param>
    /// <param name="vocabularySize">Tokens of the model; a table may have more rows, which no token uses.</param>
    /// <param name="layers">Its layers.</param>
    /// <param name="dimension">Values of a layer's row.</param>
    /// <exception cref="RowFileException">
    /// The table's type is unknown, it is too small or of another shape, or a layer's values are no whole blocks.
    /// </exception>
    public static RowTableLayout Of(RowTable table, int vocabularySize, int layers, int dimension)
    {
        if (BlockFormat.Find(table.Type) is not { } format)
            throw Wrong(table, $"has type {table.Type}, whose rows cannot be read one by one", Requantise(dimension));
        if (dimension % format.BlockSize != 0)
        {
            throw Wrong(table, $"has blocks of {format.BlockSize} values ({format.Name}): the {dimension} values of a layer's row are no whole number of them",
                Requantise(dimension));
        }
        if (table.Columns != (long)layers * dimension)
        {
            throw Wrong(table, $"has rows of {table.Columns} values where {layers} layers of {dimension} make {(long)layers * dimension}",
                "Convert the model again");
        }
        if (table.Rows < vocabularySize)
            throw Wrong(table, $"has {table.Rows} rows, fewer than the {vocabularySize} tokens of the vocabulary", "Convert the model again");
        if ((Int128)layers * (dimension / format.BlockSize) * format.BlockBytes > MaxRecordBytes)
            throw Wrong(table, $"has rows of {table.Columns} values, which are larger than 2 GiB", "The file is damaged");
        RowTableLayout layout = new() { VocabularySize = vocabularySize, Layers = layers, Dimension = dimension, Format = format, Offset = table.Offset };
        return table.Offset >= 0 && table.Offset <= table.FileBytes && (Int128)vocabularySize * layout.RecordStride <= table.FileBytes - table.Offset ? layout
            : throw Wrong(table, $"ends beyond the file's {table.FileBytes} bytes", "Download the file again; it is incomplete");
    }

    public override long RecordOffset(int token) => Offset + (long)token * RecordStride;

    /// <summary>Decodes a record's rows of some layers, [layers × m].</summary>
    internal override void Decode(ReadOnlySpan<byte> record, int layer, Span<float> rows) =>
        Format.Decode(record.Slice(layer * RowBytes, rows.Length / Dimension * RowBytes), rows);

    private static string Requantise(int dimension) =>
        $"Quantise it to one of {string.Join(", ", BlockFormat.All.Where(each => dimension % each.BlockSize == 0).Select(each => each.Name))}";

    private static RowFileException Wrong(RowTable table, string problem, string remedy) => new(table.Path, UntrustedText.Tensor(table.Name), problem, remedy);
}
