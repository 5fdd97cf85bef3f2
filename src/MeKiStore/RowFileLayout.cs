using System.Buffers.Binary;
using MeKi.Quant;
using MeKi.Store.Reading;
using MeKi.Store.Storage;

namespace MeKi.Store;

/// <summary>
/// What the header page of a row file says, and where things lie.
/// <code>
/// header page (4096 bytes) | record 0 | record 1 | … | record V−1 | one CRC-32C per group of records
/// record:  scales of layer 0, of layer 1, … (Int8, Int4), padded to 64 | row of layer 0, padded to 64 | … | row of layer L−1
/// </code>
/// Byte offsets: docs/row-files.md.
/// </summary>
public sealed record RowFileLayout : RecordLayout
{
    internal const int HeaderBytes = 4096;
    internal const int Version = 1;
    private const int Alignment = Slab.Alignment;

    private const int ChecksumAt = HeaderBytes - sizeof(uint);

    /// <summary>Records under one checksum (the last group may have fewer): about 1 to 5 MB, 593 groups for a vocabulary of 151,680.</summary>
    public const int GroupRecords = 256;

    /// <summary>Offset of record 0.</summary>
    public const long DataOffset = HeaderBytes;

    /// <summary>The checkpoint the rows were folded from.</summary>
    public required ModelIdentity Identity { get; init; }

    /// <summary>How values are stored.</summary>
    public required RowType Type { get; init; }

    /// <summary>Bytes of a row's values, without padding.</summary>
    public int RowBytes => StoredRow.RowBytes(Type, Dimension);

    /// <summary>Bytes from one layer's row to the next: a multiple of 64.</summary>
    public int RowStride => Align(RowBytes);

    /// <summary>Bytes of the scales before the first row of a record: a multiple of 64, or 0 where the type has none.</summary>
    public int ScaleBytes => Align(checked(Layers * RowScaleBytes));

    /// <summary>Bytes of one row's scales.</summary>
    public int RowScaleBytes => StoredRow.ScaleBytes(Type, Dimension);

    /// <summary>Bytes from one record to the next: a multiple of 64.</summary>
    public override int RecordStride => checked(ScaleBytes + Layers * RowStride);

    /// <summary>Groups of records with a checksum each.</summary>
    public int Groups => (int)((VocabularySize + GroupRecords - 1L) / GroupRecords);

    /// <summary>Offset of the checksums.</summary>
    public long ChecksumOffset => DataOffset + (long)VocabularySize * RecordStride;

    /// <summary>Bytes of the whole file.</summary>
    public long FileBytes => ChecksumOffset + (long)Groups * sizeof(uint);

    /// <inheritdoc/>
    public override long RecordOffset(int token) => DataOffset + (long)token * RecordStride;

    /// <summary>A layer's row within a record's bytes.</summary>
    internal StoredRow Row(ReadOnlySpan<byte> record, int layer) =>
        new(Type, record.Slice(ScaleBytes + layer * RowStride, RowBytes), record.Slice(layer * RowScaleBytes, RowScaleBytes));

    internal override void Decode(ReadOnlySpan<byte> record, int layer, Span<float> row) => Row(record, layer).Decode(row);

    internal override GroupVerifier Verifier(RecordSource source, Action<int, RowFileException> damaged, Func<Thread, bool> start) =>
        new(source, this, damaged, start);

    /// <summary>Reads a file's header and checks it and the file's length.</summary>
    internal static RowFileLayout Read(RecordSource source)
    {
        long length = source.Length;
        if (length < HeaderBytes)
            throw new RowFileException(source.Path, "header", $"the file has {length} bytes, less than its header's {HeaderBytes}",
                "Copy the file again or convert again");
        byte[] header = new byte[HeaderBytes];
        source.ReadFully(header, 0);
        RowFileLayout layout = FromHeader(header, source.Path);
        return length == layout.FileBytes ? layout
            : throw new RowFileException(source.Path, "length", $"the file has {length} bytes, not the {layout.FileBytes} its header tells",
                "Copy the file again or convert again");
    }

    internal byte[] ToHeader()
    {
        byte[] page = new byte[HeaderBytes];
        Magic.CopyTo(page);
        Identity.CopyTo(page.AsSpan(16));
        foreach ((int at, uint value) in Words())
            BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(at), value);
        foreach ((int at, long value) in Offsets())
            BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(at), value);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(ChecksumAt), Crc32C.Of(page.AsSpan(0, ChecksumAt)));
        return page;
    }

    internal static RowFileLayout FromHeader(ReadOnlySpan<byte> page, string path)
    {
        if (!page[..8].SequenceEqual(Magic))
            throw new RowFileException(path, "bytes 0 to 7", "this is not a row file (the magic 'MEKIROWS' is missing)",
                "Name the model.rows that 'meki convert' wrote");
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(page[8..]);
        if (version != Version)
            throw new RowFileException(path, "header, version", $"version {version} is not the version {Version} this engine reads",
                "Convert the checkpoint again or update the engine");
        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(page[ChecksumAt..]);
        uint computed = Crc32C.Of(page[..ChecksumAt]);
        if (stored != computed)
            throw new RowFileException(path, "header", $"the checksum is {computed:x8}, not {stored:x8}: the header is damaged",
                "Copy the file again or convert again");

        RowFileLayout layout = new()
        {
            Identity = new(page.Slice(16, ModelIdentity.Length)),
            VocabularySize = Dimension(page, 48, "vocabulary size"),
            Layers = Dimension(page, 52, "layers"),
            Dimension = Dimension(page, 56, "dimension"),
            Type = (RowType)BinaryPrimitives.ReadUInt32LittleEndian(page[60..]),
        };
        if (!Enum.IsDefined(layout.Type))
            throw new RowFileException(path, "header, row type", $"type {(uint)layout.Type} is unknown", "Convert the checkpoint again or update the engine");
        if (layout.Layers * ((long)layout.RowStride + layout.RowScaleBytes) > MaxRecordBytes)
            throw new RowFileException(path, "header, layers", $"{layout.Layers} rows of {layout.Dimension} values make a record larger than 2 GiB",
                "Convert the checkpoint again");
        // Everything else follows from the four numbers; a header that says otherwise is of another writer's making and would be read wrongly.
        foreach ((int at, uint value) in layout.Words())
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(page[at..]) != value)
                throw Inconsistent(at);
        }
        foreach ((int at, long value) in layout.Offsets())
        {
            if (BinaryPrimitives.ReadInt64LittleEndian(page[at..]) != value)
                throw Inconsistent(at);
        }
        return layout;

        int Dimension(ReadOnlySpan<byte> header, int at, string name)
        {
            uint value = BinaryPrimitives.ReadUInt32LittleEndian(header[at..]);
            // 2^24 of anything is beyond every model; the bound keeps all products below 2^63.
            return value is > 0 and < 1 << 24 ? (int)value
                : throw new RowFileException(path, $"header, {name}", $"{value} is out of range", "Convert the checkpoint again");
        }

        RowFileException Inconsistent(int at) =>
            new(path, $"header, byte {at}", "the value does not follow from the file's dimensions", "Convert the checkpoint again");
    }

    private static ReadOnlySpan<byte> Magic => "MEKIROWS"u8;

    private static int Align(int bytes) => checked(bytes + Alignment - 1) / Alignment * Alignment;

    private (int At, uint Value)[] Words() =>
    [
        (8, Version), (12, HeaderBytes), (48, (uint)VocabularySize), (52, (uint)Layers), (56, (uint)Dimension), (60, (uint)Type),
        (64, (uint)RowBytes), (68, (uint)RowStride), (72, (uint)ScaleBytes), (76, (uint)RecordStride), (80, GroupRecords), (84, 0 /* order: token-major */),
    ];

    private (int At, long Value)[] Offsets() => [(88, DataOffset), (96, ChecksumOffset), (104, FileBytes)];
}
