using System.Buffers.Binary;
using MeKi.Kernels;
using MeKi.Kernels.Kv;
using MeKi.Model.Adapters;
using MeKi.Store;

namespace MeKi.Model;

/// <summary>The header of a session file: which model the session belongs to, and how much follows. Byte offsets: docs/formats.md.</summary>
internal sealed record SessionHeader
{
    public const int Bytes = 128;

    private const int Version = 1;
    private const int AdaptersAt = 96, AdaptersEnd = AdaptersAt + AdapterSet.IdentityBytes;
    private const int ChecksumAt = Bytes - sizeof(uint);

    public required ModelIdentity Identity { get; init; }

    public required int VocabularySize { get; init; }

    /// <summary>Tokens of the tokenizer; 0 where the model has none.</summary>
    public required int TokenizerSize { get; init; }

    public required CacheLayout Kv { get; init; }

    /// <summary>Tokens of the session.</summary>
    public required int Length { get; init; }

    /// <summary>What stands for the adapters it was computed with; empty for none.</summary>
    public IReadOnlyList<byte> Adapters { get; init; } = [];

    /// <summary>One past the last page of a layer.</summary>
    public int EndPage => (int)((Length + KvPage.Positions - 1L) / KvPage.Positions);

    /// <summary>Bytes of the file: header, tokens and pages, each of the latter with a checksum. Full pages are alike.</summary>
    public long FileBytes => Bytes + sizeof(int) * (long)Length + sizeof(uint) + Kv.Layers.Sum(BytesOf);

    private static ReadOnlySpan<byte> Magic => "MEKISESS"u8;

    /// <summary>Positions in use of the page that begins with a position.</summary>
    public int UsedOf(int first) => Math.Min(KvPage.Positions, Length - first);

    public byte[] ToBytes()
    {
        byte[] header = new byte[Bytes];
        Magic.CopyTo(header);
        Identity.CopyTo(header.AsSpan(16));
        foreach ((int at, int value) in Words())
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(at), value);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(88), FileBytes);
        Adapters.ToArray().CopyTo(header.AsSpan(AdaptersAt));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(ChecksumAt), Crc32C.Of(header.AsSpan(0, ChecksumAt)));
        return header;
    }

    /// <summary>Reads a header and refuses that of another model.</summary>
    /// <param name="header">The file's first bytes.</param>
    /// <param name="path">The file; errors name it.</param>
    /// <param name="model">What the model at hand would write.</param>
    /// <param name="contextLength">The most tokens it takes.</param>
    /// <exception cref="SessionFileException">The header is damaged, of another version or of another model.</exception>
    public static SessionHeader Read(ReadOnlySpan<byte> header, string path, SessionHeader model, int contextLength)
    {
        if (!header[..8].SequenceEqual(Magic))
            throw new SessionFileException(path, "bytes 0 to 7", "this is not a session file (the magic 'MEKISESS' is missing)",
                "Name a file that a session was saved to");
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (version != Version)
            throw new SessionFileException(path, "header, version", $"version {version} is not the version {Version} this engine reads",
                "Save the session again");
        if (BinaryPrimitives.ReadUInt32LittleEndian(header[ChecksumAt..]) != Crc32C.Of(header[..ChecksumAt]))
            throw new SessionFileException(path, "header", "the checksum does not fit: the file is damaged", "Delete it and compute the session again");

        int length = BinaryPrimitives.ReadInt32LittleEndian(header[76..]);
        if (length < 0 || length > contextLength)
            throw new SessionFileException(path, "header, tokens", $"{length} tokens are more than the model's context of {contextLength}",
                "Use the model it was saved with");
        SessionHeader own = model with { Length = length };
        (KvFormat keys, KvFormat values) = ((KvFormat)BinaryPrimitives.ReadInt32LittleEndian(header[68..]),
            (KvFormat)BinaryPrimitives.ReadInt32LittleEndian(header[72..]));
        if ((keys, values) != (model.Kv.Keys, model.Kv.Values))
        {
            throw new SessionFileException(path, "header, formats",
                $"keys are {keys} and values {values} where the model was loaded for {model.Kv.Keys} and {model.Kv.Values}",
                "Load the model with the session's formats");
        }
        if (!header[AdaptersAt..AdaptersEnd].SequenceEqual(own.ToBytes().AsSpan(AdaptersAt..AdaptersEnd)))
        {
            bool none = !header[AdaptersAt..AdaptersEnd].ContainsAnyExcept((byte)0);
            throw new SessionFileException(path, "header, adapters", none ? "the session was computed without adapters"
                : "the session was computed with other adapters, or other scales of them", "Name the adapters it was saved with, or delete it");
        }
        // Everything else follows from the model.
        if (!header.SequenceEqual(own.ToBytes()))
            throw new SessionFileException(path, "header", "the session belongs to another model, or to this one in other formats or with other rows",
                "Use the model it was saved with, or delete it");
        return own;
    }

    // The pages from the first that the next token sees.
    private long BytesOf(CachedLayer layer)
    {
        (int full, int rest) = Math.DivRem(Length, KvPage.Positions);
        long first = layer.FirstPage(Length);
        return Math.Max(full - first, 0) * PageBytes(layer.Pages, KvPage.Positions) + (rest > 0 ? PageBytes(layer.Pages, rest) : 0);
    }

    private static long PageBytes(KvLayout layout, int positions) => layout.Parts(positions).Sum(part => (long)part.Length) + sizeof(uint);

    private (int At, int Value)[] Words() =>
    [
        (8, Version), (12, Bytes), (48, VocabularySize), (52, TokenizerSize), (56, Kv.Depth),
        (60, Kv.Layers[0].Pages.KvHeads), (64, Kv.Layers[0].Pages.HeadDimension),
        (68, (int)Kv.Keys), (72, (int)Kv.Values), (76, Length), (80, KvPage.Positions),
    ];
}
