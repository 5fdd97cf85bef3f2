using MeKi.Store.Storage;

namespace MeKi.Store;

/// <summary>An open table of rows within a model file; the rest of the file is not touched.</summary>
internal sealed class RowTableStore : RecordStore
{
    private const string Remedy = "Load the model again";

    private RowTableStore(RecordSource source, RowTableLayout layout, RowStoreOptions options)
        : base(source, layout, options) => Layout = layout;

    /// <summary>Where the rows lie.</summary>
    public RowTableLayout Layout { get; }

    /// <summary>Opens a table and checks that it fits a model.</summary>
    /// <param name="table">The table.</param>
    /// <param name="vocabularySize">See <see cref="RowTableLayout.Of"/>.</param>
    /// <param name="layers">Likewise.</param>
    /// <param name="dimension">Likewise.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="RowFileException">The file is missing, unreadable or another one by now, or as for <see cref="RowTableLayout.Of"/>.</exception>
    public static RowTableStore Open(RowTable table, int vocabularySize, int layers, int dimension, RowStoreOptions? options = null)
    {
        options ??= new();
        RowTableLayout layout = RowTableLayout.Of(table, vocabularySize, layers, dimension);
        return Open(RecordSource.Open(table.Path, options.MemoryMapped, "model file", Remedy), options, source => source.Length == table.FileBytes
            ? new RowTableStore(source, layout, options)
            : throw new RowFileException(table.Path, "length",
                $"the file has {source.Length} bytes and had {table.FileBytes} a moment ago: it was replaced", Remedy));
    }
}
