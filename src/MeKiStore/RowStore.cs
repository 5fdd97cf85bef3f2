using MeKi.Store.Storage;

namespace MeKi.Store;

/// <summary>An open row file.</summary>
public sealed class RowStore : RecordStore
{
    private RowStore(RecordSource source, RowFileLayout layout, RowStoreOptions options)
        : base(source, layout, options) => Layout = layout;

    /// <summary>The file's layout.</summary>
    public RowFileLayout Layout { get; }

    /// <summary>Opens a row file and checks its header and length.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="RowFileException">The file is missing, unreadable, damaged, truncated or of another version.</exception>
    public static RowStore Open(string path, RowStoreOptions? options = null)
    {
        options ??= new();
        return Open(RecordSource.Open(path, options.MemoryMapped), options, source => new RowStore(source, RowFileLayout.Read(source), options));
    }
}
