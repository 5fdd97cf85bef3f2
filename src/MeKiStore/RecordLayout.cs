using MeKi.Store.Reading;
using MeKi.Store.Storage;

namespace MeKi.Store;

/// <summary>
/// Where a table's records lie in its file, and the rows in a record. Token-major: all layers' rows of one token are one record, so that a token costs one
/// read. Records follow each other without gaps.
/// </summary>
public abstract record RecordLayout
{
    // A slab adds as much again for its own alignment.
    internal const int MaxRecordBytes = int.MaxValue - 2 * Slab.Alignment;

    private protected RecordLayout()
    {
    }

    /// <summary>Records: tokens of the vocabulary.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Rows of a record: the model's layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Values of a row: the memory dimension m.</summary>
    public required int Dimension { get; init; }

    /// <summary>Bytes from one record to the next.</summary>
    public abstract int RecordStride { get; }

    /// <summary>Offset of a token's record.</summary>
    public abstract long RecordOffset(int token);

    /// <summary>Decodes one layer's row of a record, [m].</summary>
    internal abstract void Decode(ReadOnlySpan<byte> record, int layer, Span<float> row);

    /// <summary>What checks the records after their first use; null where nothing is known to check them against.</summary>
    internal virtual GroupVerifier? Verifier(RecordSource source, Action<int, RowFileException> damaged, Func<Thread, bool> start) => null;
}
