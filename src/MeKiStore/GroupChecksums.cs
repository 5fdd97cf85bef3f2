using System.Buffers.Binary;
using System.Diagnostics;
using MeKi.Store.Reading;
using MeKi.Store.Storage;

namespace MeKi.Store;

/// <summary>Compares groups of records with their CRC-32C, reading piece by piece. For one thread at a time.</summary>
/// <param name="source">The row file.</param>
/// <param name="layout">Its layout.</param>
/// <param name="pieceBytes">Bytes read at a time.</param>
/// <param name="afterPiece">Told the bytes of each piece and how long it took, in stopwatch ticks.</param>
internal sealed class GroupChecksums(RecordSource source, RowFileLayout layout, int pieceBytes, Action<int, long> afterPiece)
{
    private readonly Memory<byte> _piece = Slab.Piece(pieceBytes);

    /// <summary>Checks one group.</summary>
    /// <returns>What is wrong with it, or null.</returns>
    /// <exception cref="RowFileException">It could not be read.</exception>
    public RowFileException? Check(int group)
    {
        int first = group * RowFileLayout.GroupRecords, end = Math.Min(first + RowFileLayout.GroupRecords, layout.VocabularySize);
        uint state = Crc32C.Initial;
        for (long at = layout.RecordOffset(first), after = layout.RecordOffset(end); at < after;)
        {
            long start = Stopwatch.GetTimestamp();
            Span<byte> piece = _piece.Span[..(int)Math.Min(pieceBytes, after - at)];
            source.ReadFully(piece, at);
            state = Crc32C.Append(state, piece);
            at += piece.Length;
            afterPiece(piece.Length, Stopwatch.GetTimestamp() - start);
        }
        Span<byte> stored = stackalloc byte[sizeof(uint)];
        source.ReadFully(stored, layout.ChecksumOffset + (long)group * sizeof(uint));
        uint expected = BinaryPrimitives.ReadUInt32LittleEndian(stored);
        return ~state == expected ? null
            : new(source.Path, $"records {first} to {end - 1}", $"the checksum is {~state:x8}, not {expected:x8}: the rows are damaged",
            "Copy the file again or convert again");
    }
}
