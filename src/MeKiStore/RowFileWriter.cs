using System.Buffers.Binary;

namespace MeKi.Store;

/// <summary>Writes a row file front to back: records in token order, then the checksums. The caller owns the stream, and makes it durable.</summary>
public sealed class RowFileWriter
{
    private readonly Stream _stream;
    private readonly byte[] _checksums;
    private uint _groupState = Crc32C.Initial;
    private int _records;

    /// <summary>Starts the file with its header.</summary>
    /// <param name="stream">Written sequentially from its present position.</param>
    /// <param name="layout">The file's layout.</param>
    public RowFileWriter(Stream stream, RowFileLayout layout)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(layout);
        (_stream, Layout) = (stream, layout);
        _checksums = new byte[checked(layout.Groups * sizeof(uint))];
        stream.Write(layout.ToHeader());
    }

    /// <summary>The file's layout.</summary>
    public RowFileLayout Layout { get; }

    /// <summary>Appends whole records.</summary>
    /// <param name="records">A whole number of records, the next tokens' in order.</param>
    /// <exception cref="ArgumentException">The bytes are not whole records, or more than the vocabulary has.</exception>
    public void Append(ReadOnlySpan<byte> records)
    {
        if (records.Length % Layout.RecordStride != 0 || records.Length / Layout.RecordStride > Layout.VocabularySize - _records)
            throw new ArgumentException($"{records.Length} bytes are not records {_records} and following of {Layout.VocabularySize}.", nameof(records));
        _stream.Write(records);
        for (; records.Length > 0; records = records[Layout.RecordStride..])
        {
            _groupState = Crc32C.Append(_groupState, records[..Layout.RecordStride]);
            int group = _records++ / RowFileLayout.GroupRecords;
            if (_records % RowFileLayout.GroupRecords == 0 || _records == Layout.VocabularySize)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(_checksums.AsSpan(group * sizeof(uint)), ~_groupState);
                _groupState = Crc32C.Initial;
            }
        }
    }

    /// <summary>Ends the file with its checksums.</summary>
    /// <exception cref="InvalidOperationException">Records are missing.</exception>
    public void Complete()
    {
        if (_records != Layout.VocabularySize)
            throw new InvalidOperationException($"{_records} of {Layout.VocabularySize} records were written.");
        _stream.Write(_checksums);
    }
}
